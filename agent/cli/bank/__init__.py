"""`pilotage collect` and `pilotage bank`."""
