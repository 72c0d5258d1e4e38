"""`pilotage solve`."""
