"""`pilotage train` and `pilotage policy`."""
