"""`pilotage memory`."""
