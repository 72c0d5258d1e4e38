"""The agent as a part of Inspect AI: its evaluations run the agent as the solver `pilotage/reason`."""
