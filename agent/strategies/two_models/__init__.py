"""Strategies of two models, a small one and a large one, of which one is the run's own."""
