"""The keys of the server, and what each of them may use."""
