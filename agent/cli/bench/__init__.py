"""`pilotage bench`."""
