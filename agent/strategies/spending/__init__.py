"""Strategies that decide how much to spend on a task while they work on it."""
