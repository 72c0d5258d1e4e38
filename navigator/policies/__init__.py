"""Policies: an observation and a mask in, a legal action out; their files, and what they learned from."""
