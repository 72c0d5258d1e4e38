"""Strategies that are put together from several kinds of call: stories, shots, layers and agents."""
