"""Gymnasium environments over recorded and live reasoning, and how they reward."""
