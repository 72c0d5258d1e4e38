"""Whole conversations: what the newest message of one deserves before it is answered."""
