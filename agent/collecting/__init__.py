"""Collecting: what `pilotage.agent.banks.collect` records banks with: plans, exploration, nodes, progress."""
