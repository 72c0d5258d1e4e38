"""Protocols: an experiment on puzzles as one TOML file, its arms, its repeats, and what they come to."""
