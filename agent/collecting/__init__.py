"""Collecting: what `agent.collect` records banks with: plans, exploration, nodes, progress."""
