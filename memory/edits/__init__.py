"""Every change to a memory, and how it is taken back."""
