"""Confidence: how likely the answer is right that a run stops with, learned from the recorded stops of a bank."""
