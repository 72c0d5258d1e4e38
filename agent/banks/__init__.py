"""Recording banks: what is run, block by block, and written down as trees that a navigator can learn from."""
