"""Training: a bank as arrays, the algorithms, and what is kept of a training. Only here is torch imported."""
