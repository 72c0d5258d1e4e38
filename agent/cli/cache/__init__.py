"""`pilotage cache`: what pilotage keeps on this machine by itself, and pruning it."""
