"""The OpenAI-compatible server: its keys, and what each of them may use."""
