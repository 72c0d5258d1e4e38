"""Bench: methods side by side on the same tasks, with the same model and budget, paired, and what that shows."""
