"""Who chooses the next block, and what they see."""
