"""The memory as a LangGraph `BaseStore`."""
