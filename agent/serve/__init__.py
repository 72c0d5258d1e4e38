"""The OpenAI-compatible server: its endpoint, its keys, and what each of them may use."""
