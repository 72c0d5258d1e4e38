"""The OpenAI-compatible server: its endpoints, and whom it answers."""
