"""A memory as a file: JSON Lines, ArcMemo's formats, other documents."""
