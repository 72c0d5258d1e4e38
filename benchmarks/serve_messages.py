"""What thinking brings: messages answered through `pilotage` and through `passthrough`, by one running server.

    python benchmarks/serve_messages.py [--group mixed|computable|all] [--fresh] [--model embedded] [--base-url URL]

`data/serve_messages.jsonl` holds 30 mixed messages of 12 kinds, half of which can be computed, and 30 more that can;
all were written down with what counts as right before any was sent. The command starts `pilotage serve`
itself, sends every message twice, greedily and with at most `--max-tokens` tokens for the reply, and keeps what came in
`--results`, so that it goes on where it was stopped. `--fresh` begins anew: use it on a quiet machine, for the seconds.

Right is judged by code. Each list of `holds` must have one of its forms in the reply, as a whole word or number; none
of `lacks` may be there; `lines`, `most_sentences` and `most_words` are counts. No accepted value stands in its
question.
The last lines tell how often a reply contradicts a result that only one route found, and which of the two was right.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from pilotage.agent.answers import conveys
from pilotage.agent.numbers import parse_number, plain
from pilotage.common.statistics import mcnemar_exact, paired_shares, wilson

ROOT = Path(__file__).parents[1]
MESSAGES = Path(__file__).parent / "data" / "serve_messages.jsonl"
WAYS = ("pilotage", "passthrough")
STRAIGHT = ("chat", "fact", "creative", "translation", "advice", "rewrite")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", choices=("mixed", "computable", "all"), default="all")
    parser.add_argument("--results", type=Path, default=ROOT / "runs" / "serve_messages.jsonl")
    parser.add_argument("--fresh", action="store_true", help="ask everything again")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--base-url")
    parser.add_argument("--max-tokens", type=int, default=400, help="of the reply (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=1, help="requests; the seconds are those of one (default: 1)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    messages = [json.loads(line) for line in MESSAGES.read_text(encoding="utf-8").splitlines()]
    groups = {group: [one for one in messages if one["group"] == group] for group in ("mixed", "computable")}
    groups = {group: rows for group, rows in groups.items() if options.group in (group, "all")}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    if options.fresh:
        options.results.unlink(missing_ok=True)
    found = answered([one for rows in groups.values() for one in rows], options)
    tables = {
        "mixed, to be computed": [one for one in groups.get("mixed", ()) if one["kind"] not in STRAIGHT],
        "mixed, others": [one for one in groups.get("mixed", ()) if one["kind"] in STRAIGHT],
        "mixed": groups.get("mixed", []),
        "computable": groups.get("computable", []),
    }
    figures = {name: compared(rows, found) for name, rows in tables.items() if rows}
    figures |= {"found by one route": one_route([one for rows in groups.values() for one in rows], found)}
    print(json.dumps(figures, indent=2)) if options.json else show(figures)


def answered(messages: Sequence[dict[str, Any]], options: argparse.Namespace) -> dict[tuple[str, str], dict[str, Any]]:
    """Results by message and way; what is not in the file yet is asked for, and written as it comes."""
    found = {}
    if options.results.is_file():
        for line in options.results.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            found[result["id"], result["way"]] = result
    # Taken in turn: whoever is asked second finds the beginning of the prompt in the model's cache.
    turns = [(one, WAYS if place % 2 == 0 else WAYS[::-1]) for place, one in enumerate(messages)]
    left = [(one, way) for one, ways in turns for way in ways if (one["id"], way) not in found]
    if not left:
        return found
    with (
        served(options) as client,
        options.results.open("a", encoding="utf-8") as file,
        ThreadPoolExecutor(options.at_once) as pool,
    ):
        client.post("/v1/chat/completions", json=body({"earlier": [], "text": "hi"}, "passthrough", options))  # loads
        asked = {pool.submit(ask, client, one, way, options): (one, way) for one, way in left}
        for number, done in enumerate(as_completed(asked), 1):
            one, way = asked[done]
            result = {"id": one["id"], "way": way, **done.result()}
            found[one["id"], way] = result
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
            file.flush()
            print(f"{number}/{len(left)} {one['id']} {way} {result['seconds']:.1f} s", file=sys.stderr)
    return found


@contextmanager
def served(options: argparse.Namespace):
    """A client of a server that was started for this, and is ended with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "pilotage", "serve", "--model", options.model, "--memory", "none"]
    command += ["--port", str(port), "--concurrency", str(options.at_once)]
    command += ["--base-url", options.base_url] if options.base_url else []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=1800) as client:
            deadline = time.monotonic() + 300
            while True:
                try:
                    client.get("/health").raise_for_status()
                    break
                except httpx.TransportError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise SystemExit("the server did not start: run `pilotage serve` to see why") from None
                    time.sleep(0.2)
            yield client
    finally:
        process.terminate()
        process.wait(120)


def body(one: dict[str, Any], way: str, options: argparse.Namespace) -> dict[str, Any]:
    earlier = [{"role": role, "content": text} for role, text in one["earlier"]]
    messages = [*earlier, {"role": "user", "content": one["text"]}]
    asked = {"model": way, "messages": messages, "max_tokens": options.max_tokens, "temperature": 0, "seed": 0}
    return asked | ({"pilotage": {"trace": True}} if way == "pilotage" else {})


def ask(client: httpx.Client, one: dict[str, Any], way: str, options: argparse.Namespace) -> dict[str, Any]:
    """What came: reply, tokens, seconds, and what the run says of its route."""
    begun = time.perf_counter()
    response = client.post("/v1/chat/completions", json=body(one, way, options))
    seconds = time.perf_counter() - begun
    if response.status_code != 200:
        raise SystemExit(f"{one['id']} through {way}: status {response.status_code}, {response.text[:300]}")
    told = response.json()
    usage, run = told["usage"], told["pilotage"]["runs"][0] if way == "pilotage" else {}
    steps = run.get("steps", [])
    return {
        "reply": told["choices"][0]["message"]["content"] or "",
        "finish": told["choices"][0]["finish_reason"],
        "tokens_in": usage["prompt_tokens"],
        "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
        "tokens_out": usage["completion_tokens"],
        "seconds": round(seconds, 2),
        "route": [step["block"] for step in steps],
        "candidates": [step.get("candidate") for step in steps],
        "verified": run.get("verified"),
        "note": steps[-1].get("evidence", {}).get("note") if steps else None,
    }


def is_right(one: dict[str, Any], reply: str) -> bool:
    """Whether a reply meets all that was written down for its message."""
    lines = [line for line in reply.splitlines() if line.strip()]
    if any(says(reply, form) for form in one.get("lacks", ())):
        return False
    if not reply.strip() or not all(any(says(reply, form) for form in forms) for forms in one.get("holds", ())):
        return False
    return (
        len(lines) == one.get("lines", len(lines))
        and len(reply.split()) <= one.get("most_words", sys.maxsize)
        and len(re.findall(r"[.!?。！？](?=\s|$)", reply)) <= one.get("most_sentences", sys.maxsize)
    )


def says(reply: str, form: str) -> bool:
    """Whether a form stands in a text on its own: `60`, not as a part of `160` or `60.5`."""
    number = form[-1].isdigit()
    after = r"(?![\w]|[.,]\d)" if number else r"(?!\w)"
    flat = re.sub(r"(?<=\d)[,\u202f\u00a0](?=\d{3}(?!\d))", "", reply) if number and "," not in form else reply
    before = r"(?<![\w.,])" if form[0].isdigit() else r"(?<!\w)"
    if not form.isascii() or re.search(r"[\u3040-\u9fff]", reply):
        before, after = (r"(?<!\d)", r"(?!\d)") if number else ("", "")
    return re.search(before + re.escape(form) + after, flat, re.I) is not None


def compared(rows: Sequence[dict[str, Any]], found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """Both ways on the same messages: shares with Wilson's interval, the paired difference, McNemar's exact p."""
    right = {way: [is_right(one, found[one["id"], way]["reply"]) for one in rows] for way in WAYS}
    figures: dict[str, Any] = {"messages": len(rows)}
    for way in WAYS:
        of = [found[one["id"], way] for one in rows]
        low, high = wilson(sum(right[way]), len(rows))
        means = {name: sum(one[name] for one in of) / len(of) for name in ("tokens_in", "tokens_out", "seconds")}
        figures[way] = {"right": sum(right[way]), "low": low, "high": high, **means}
    first, second = (right[way] for way in WAYS)
    only = [sum(a and not b for a, b in zip(x, y, strict=True)) for x, y in ((first, second), (second, first))]
    both = sum(a and b for a, b in zip(first, second, strict=True))
    mean, low, high = paired_shares(both, *only, len(rows) - both - sum(only))
    figures["difference"] = {"mean": mean, "low": low, "high": high, "only": only, "p": mcnemar_exact(*only)}
    figures["thought"] = sum(len(found[one["id"], "pilotage"]["route"]) > 1 for one in rows)
    return figures


def one_route(messages: Sequence[dict[str, Any]], found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, int]:
    """Replies behind a result that nothing confirmed: whether they say it, and which of the two is right."""
    counts = {"replies": 0, "say it": 0, "say it and it is right": 0}
    counts |= {f"without it: {who}": 0 for who in ("the result is right", "the reply is right", "both", "neither")}
    for one in messages:
        result = found[one["id"], "pilotage"]
        value = result["candidates"][-1] if result["candidates"] else None
        if value is None or result["verified"] or one["kind"] in STRAIGHT:
            continue
        counts["replies"] += 1
        number = parse_number(value)
        value_right = is_right(one, value) or (number is not None and is_right(one, plain(number)))
        reply_right = is_right(one, result["reply"])
        if conveys(result["reply"], "text", value):
            counts["say it"] += 1
            counts["say it and it is right"] += value_right
            continue
        who = {(1, 0): "the result is right", (0, 1): "the reply is right", (1, 1): "both", (0, 0): "neither"}
        counts[f"without it: {who[value_right, reply_right]}"] += 1
    return counts


def show(figures: dict[str, Any]) -> None:
    for name, told in figures.items():
        if "messages" not in told:
            print(f"{name}: " + ", ".join(f"{key} {count}" for key, count in told.items()))
            continue
        print(f"{name}: {told['messages']} messages, {told['thought']} worked on before the reply")
        for way in WAYS:
            of = told[way]
            print(
                f"  {way:12} right {of['right']:3} ({of['right'] / told['messages']:.0%}, {of['low']:.0%} to "
                f"{of['high']:.0%})  tokens in {of['tokens_in']:6.0f}  out {of['tokens_out']:5.0f}  "
                f"seconds {of['seconds']:6.1f}"
            )
        by = told["difference"]
        print(
            f"  difference {by['mean']:+.0%} ({by['low']:+.0%} to {by['high']:+.0%}); right in one way only: "
            f"{by['only'][0]} and {by['only'][1]}, p = {by['p']:.3g}"
        )


if __name__ == "__main__":
    main()
