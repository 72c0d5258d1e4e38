"""The memory as other systems see it: a LangGraph store, an MCP server."""
