"""`pilotage chat`: a conversation in the terminal, with the route drawn as it happens."""
