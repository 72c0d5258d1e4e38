"""Finding concepts: vectors, keywords, and what is kept of both."""
