"""What theory gives for each strategy, as rows that `strategies.py` measures."""
