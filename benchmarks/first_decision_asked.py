"""Would one token of the upstream model decide where the wording is in doubt? Not built; this measures it.

    python benchmarks/first_decision_asked.py [--model embedded] [--base-url URL] [--most 40] [--json]

Asked about: messages of the `dev` part of `first_decision_fresh.jsonl` for which no row of the rule holds, half of them
computable, half those of the others that are likest to computable ones. The model is shown eight examples, then the
message, and has one token; what counts is the share of `A` in the probability of `A` and `B`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
from pathlib import Path
from statistics import median
from typing import Any

from pilotage.agent.chat.first_decision import STRAIGHT, by_rule
from pilotage.agent.chat.reading import Message as Read
from pilotage.agent.chat.wording_model import likeness
from pilotage.agent.messages import Message
from pilotage.agent.models import load_model
from pilotage.agent.models.reply import Reply, Request

FRESH = Path(__file__).parent / "data" / "first_decision_fresh.jsonl"
TASK = (
    "You sort messages. Reply with one letter. A: its answer can be calculated or deduced from what the message itself "
    "gives, such as a sum, a quantity, a date, letters of a word, a logical conclusion, what code prints. B: anything "
    "else, such as a greeting, a fact, an opinion, advice, a text to write or translate."
)
EXAMPLES = (
    ("Translate into French: I have 3 dogs.", "B"),
    ("Tom is older than Sue, Sue is older than Ann. Who is the youngest?", "A"),
    ("Why is the sky blue?", "B"),
    ("Un kilo coûte 4 €. Combien coûtent 250 g ?", "A"),
    ("Write a function that adds two numbers.", "B"),
    ("True or not False is", "A"),
    ("Pretend that you are a pirate with 2 ships.", "B"),
    ("次の数列の次は? 2, 4, 8", "A"),
)
READ = 600
"""Characters at either end of a message that the model is shown."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--base-url")
    parser.add_argument("--most", type=int, default=40, help="messages (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [json.loads(line) for line in FRESH.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["part"] == "dev" and not row["earlier"]]
    doubtful = [row for row in rows if by_rule(row["text"]).why == STRAIGHT]
    random.Random(0).shuffle(doubtful)
    sides = [row for row in doubtful if row["think"]], sorted(doubtful, key=likest)
    sides[1][:] = [row for row in sides[1] if not row["think"]]
    asked = asyncio.run(ask_all([row for side in sides for row in side[: options.most // 2]], options))
    told = figures(asked)
    print(json.dumps({**told, "rows": asked}, ensure_ascii=False) if options.json else line(told))


def likest(row: dict[str, Any]) -> float:
    """Orders messages, those likest to computable ones first."""
    return -likeness(row["text"], Read.read(row["text"])).probability


async def ask_all(rows: list[dict[str, Any]], options: argparse.Namespace) -> list[dict[str, Any]]:
    """The share of `A` for each message, with what it cost."""
    client, asked = load_model(options.model, base_url=options.base_url), []
    shown = [Message(role="system", content=TASK)]
    shown += [
        Message(role=role, content=text)
        for pair in EXAMPLES
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    for row in rows:
        text = row["text"] if len(row["text"]) <= 2 * READ else f"{row['text'][:READ]}\n...\n{row['text'][-READ:]}"
        messages = (*shown, Message(role="user", content=text))
        reply = await client.ask(
            Request(messages=messages, max_tokens=1, temperature=0, logprobs=True, top_logprobs=20)
        )
        usage = reply.usage
        new = usage.prompt_tokens - usage.cached_tokens
        told = {"think": row["think"], "share": share(reply), "seconds": usage.seconds}
        asked.append({**told, "tokens": usage.prompt_tokens, "new": new, "text": text[:60]})
    return asked


def share(reply: Reply) -> float | None:
    """Probability of `A` over that of `A` and `B`; None where the first token is neither."""
    of = {"A": 0.0, "B": 0.0}
    for token in (reply.logprobs or ())[:1]:
        for text, logprob in dict((*token.top, (token.token, token.logprob))).items():
            if text.strip() in of:
                of[text.strip()] += math.exp(logprob)
    return of["A"] / sum(of.values()) if sum(of.values()) > 0 else None


def figures(asked: list[dict[str, Any]]) -> dict[str, Any]:
    sides = [
        [row["share"] for row in asked if row["think"] is side and row["share"] is not None] for side in (True, False)
    ]
    wins = sum((yes > no) + (yes == no) / 2 for yes in sides[0] for no in sides[1])
    return {
        "computable": len(sides[0]),
        "others": len(sides[1]),
        "auc": wins / max(1, len(sides[0]) * len(sides[1])),
        "above_half": [sum(one > 0.5 for one in side) for side in sides],
        "tokens": median(row["tokens"] for row in asked),
        "new_tokens": median(row["new"] for row in asked),
        "seconds": median(row["seconds"] for row in asked),
    }


def line(told: dict[str, Any]) -> str:
    yes, no = told["above_half"]
    who = f"{told['computable']} computable, {told['others']} others; AUC {told['auc']:.2f}"
    cost = f"median {told['tokens']:.0f} tokens ({told['new_tokens']:.0f} not cached), {told['seconds']:.1f} s"
    return f"{who}; above one half: {yes} and {no}; {cost}"


if __name__ == "__main__":
    main()
