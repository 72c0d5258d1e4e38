"""The first decision on messages that people write: which think, by kind and by language.

    python benchmarks/first_decision.py [MESSAGES.jsonl ...] [--misses] [--json]

Each line of a file is one labelled message: `text` (the newest user message), `earlier` (role and text of the messages
before it), `language`, `kind` and `think` (whether it should). The rule was written beside `first_decision_own.jsonl`;
`first_decision_held_out.jsonl` was written by somebody who did not know the rule, and only its figures say how it does
on messages that it has not seen. False alarms are straight messages that think, hits are computable ones that do, each
with its Wilson 95% interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pilotage.agent.chat.first_decision import first_decision
from pilotage.common.statistics import wilson

DATA = Path(__file__).parent / "data"
FILES = (DATA / "first_decision_own.jsonl", DATA / "first_decision_held_out.jsonl")
STRAIGHT = ("chat", "fact", "creative", "translation", "advice", "rewrite")
COMPUTABLE = ("arithmetic", "word_problem", "dates_units", "strings_lists", "logic_code_output", "disagreement")


@dataclass(frozen=True)
class Judged:
    """A labelled message and what the rule made of it."""

    text: str
    kind: str
    language: str
    should: bool
    thinks: bool
    why: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", metavar="MESSAGES.jsonl", type=Path, nargs="*", default=FILES)
    parser.add_argument(
        "--misses", action="store_true", help="print each message that is decided otherwise than labelled"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [file for file in options.files if file.is_file()]
    for file in options.files:
        if file not in found:
            print(f"{file} is not there: its figures are left out", file=sys.stderr)
    rows = [figures(file.name, judge(file)) for file in found]
    if options.json:
        print(json.dumps(rows))
    for row in () if options.json else rows:
        show(row)
    if options.misses:
        for one in (one for file in found for one in judge(file) if one.thinks != one.should):
            print(f"{one.kind} {one.language} {one.text!r}: {one.why}")


def judge(file: Path) -> list[Judged]:
    """Decides on every message of a file.

    Raises:
        SystemExit: a line is no labelled message.
    """
    judged = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told = json.loads(line)
            decision = first_decision(told["text"], [(role, text) for role, text in told["earlier"]])
            kind, language, should = told["kind"], told["language"], told["think"]
        except (ValueError, KeyError, TypeError) as error:
            raise SystemExit(f"line {number} of {file} is no labelled message ({error!r}): see --help") from None
        if kind not in STRAIGHT + COMPUTABLE or should is not (kind in COMPUTABLE):
            raise SystemExit(
                f"line {number} of {file} has kind {kind!r} and think {should!r}, which do not go together"
            )
        judged.append(Judged(told["text"], kind, language, should, decision.think, decision.why))
    return judged


def figures(name: str, judged: list[Judged]) -> dict[str, Any]:
    """All figures of one file; a share is told as how many of how many think, and its interval."""
    return {
        "file": name,
        "messages": len(judged),
        "false_alarms": share(one for one in judged if not one.should),
        "hits": share(one for one in judged if one.should),
        "kinds": {kind: share(one for one in judged if one.kind == kind) for kind in STRAIGHT + COMPUTABLE},
        "languages": {
            language: {
                "false_alarms": share(one for one in judged if one.language == language and not one.should),
                "hits": share(one for one in judged if one.language == language and one.should),
            }
            for language in sorted({one.language for one in judged})
        },
    }


def share(judged: Iterable[Judged]) -> dict[str, float]:
    thinks = [one.thinks for one in judged]
    low, high = wilson(sum(thinks), len(thinks))
    return {"think": sum(thinks), "of": len(thinks), "low": round(low, 4), "high": round(high, 4)}


def show(row: dict[str, Any]) -> None:
    print(f"{row['file']}: {row['messages']} messages")
    lines = {"false alarms": row["false_alarms"], "hits": row["hits"]}
    lines |= {f"  {kind}": told for kind, told in row["kinds"].items()}
    for language, told in row["languages"].items():
        lines |= {f"  {language} false alarms": told["false_alarms"], f"  {language} hits": told["hits"]}
    for name, told in lines.items():
        if told["of"]:
            of, part = f"{told['think']:4} of {told['of']:4}", told["think"] / told["of"]
            print(f"  {name:22}{of} think {part:7.1%} ({told['low']:.1%} to {told['high']:.1%})")


if __name__ == "__main__":
    main()
