"""`pilotage evaluate`, `pilotage report` and `pilotage estimate`."""
