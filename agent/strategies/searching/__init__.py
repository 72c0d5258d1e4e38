"""Strategies that write solutions step by step, and go on with the steps that a scorer prefers."""
