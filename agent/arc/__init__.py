"""ARC: puzzles of the Abstraction and Reasoning Corpus (Chollet 2019), where they come from, and how they are scored.

grids.py says what a grid is and puzzle.py what a puzzle is; splits.py reads one by name or path, and checks.py tells
what should not be judged. A puzzle never holds the outputs that it asks for: a split has them beside its puzzles.
"""
