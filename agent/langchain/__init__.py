"""The agent and its memory as parts of LangChain: a chat model, and a middleware for agents of `create_agent`."""
