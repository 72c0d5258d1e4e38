"""Strategies that write a solution again, in the light of what was said of it."""
