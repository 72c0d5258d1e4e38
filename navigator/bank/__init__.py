"""Banks: recorded reasoning trees in a folder, one file a task."""
