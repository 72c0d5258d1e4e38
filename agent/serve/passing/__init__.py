"""Passing on: a request goes to an upstream as it came, and its reply comes back as it is."""
