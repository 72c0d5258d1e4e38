"""What a run gives memory, and what memory gives a run."""
