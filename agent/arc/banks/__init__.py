"""Banks of puzzles: what is recorded of each, and how a bank names it (`pilotage.agent.banks`)."""
