"""Models whose skill is known, so that a strategy can be held against what theory gives for it.

Tests and `benchmarks/strategies.py` play with them; so may whoever adds a strategy.
"""
