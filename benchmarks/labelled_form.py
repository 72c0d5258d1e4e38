"""`pilotage` with another form for self-assessment: seven lines, a label and a digit each, instead of seven digits.

    python benchmarks/labelled_form.py collect --preset rlot --limit 12 --out labels --tasks ... --model embedded
    python benchmarks/self_assessment.py labels

Whether a model that fills the short form in without a thought does better where each digit stands beside its label. The
blocks are asked as ever, so where a bank of the preset `rlot` was recorded before, only the forms are new.
"""

from __future__ import annotations

from unittest.mock import patch

from pilotage.agent import cli
from pilotage.agent.routing import self_scores

FORM = "Reply with seven lines, a label and its digit each."


def main() -> None:
    statements = self_scores.QUESTION.rpartition("\n")[0]
    lines = ' "\\n" '.join(f'"{label}: " s' for label in self_scores.LABELS)
    grammar = f'root ::= {lines}\ns ::= "0" | "1" | "2" | "3"'
    with patch.multiple(self_scores, QUESTION=f"{statements}\n{FORM}", GRAMMAR=grammar):
        cli.main()


if __name__ == "__main__":
    main()
