"""Strategies that draw whole solutions and choose among them: by votes, scores or probabilities."""
