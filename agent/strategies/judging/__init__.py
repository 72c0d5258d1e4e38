"""Strategies in which solutions are read beside each other: by judges, by whoever merges them, by their authors."""
