"""`pilotage traces`."""
