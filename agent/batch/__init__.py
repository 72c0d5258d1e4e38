"""Many tasks: some at once, each result on disk, and what they come to."""
