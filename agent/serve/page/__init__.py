"""The page of the server: a conversation with its route, the memory, and runs of a file, drawn in a browser."""
