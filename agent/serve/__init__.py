"""The server: an OpenAI-compatible endpoint over an agent, with its memory, keys and page."""
