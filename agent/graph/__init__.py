"""The LangGraph graph of a run, and what it needs to live inside other graphs and event loops."""
