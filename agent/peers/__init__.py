"""Peers: other toolkits for test-time methods, run beside our own on the same model, budget and tasks.

A peer runs in an environment and a process of its own and sees the model through a gateway alone (`gateway.py`), which
counts and limits what it asks.
"""
