"""Strategies that leave out draws before the others vote."""
