"""What bare questions are taken for, on text that nobody wrote for it.

    python benchmarks/kinds.py [GSM8K.jsonl]

Word problems (GSM8K, one JSON object with `question` a line, and reasoning-gym's, where it is installed) should be
numeric: what is missed is still answered, in the model's own words. Requests for prose should never be numeric: their
reply would be lost. They are requests in twelve languages, each with a paragraph to work on from the descriptions of
the packages that are installed here, and the questions in those descriptions as they stand.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from pilotage.agent.numbers import parse_number
from pilotage.agent.tasks.kinds import infer_kind

REQUESTS = (
    "Summarise this in 2 sentences: {}",
    "Translate the following 3 lines into French.\n\n{}",
    "{} Write 5 tweets about it.",
    "I have 2 hours and 3 colleagues. Explain to us how many things this says: {}",
    "Fasse das in 2 Sätzen zusammen: {}",
    "Résume ce texte en 3 phrases : {}",
    "Resume este texto en 2 frases: {}",
    "Riassumi questo testo in 2 frasi: {}",
    "Resuma este texto em 3 frases: {}",
    "Vat deze tekst samen in 2 zinnen: {}",
    "Streść ten tekst w 3 zdaniach: {}",
    "Bu metni 2 cümlede özetle: {}",
    "Перескажи этот текст в 2 предложениях: {}",
    "このテキストを3文で要約してください。{}",
    "请用两句话总结以下内容：{}",
    "لخص هذا النص في جملتين: {}",
)

AROUND_A_PROBLEM = (
    "Translate the following problem into German. {}",
    "Please rewrite this problem for 6-year-olds. {}",
    "Write a story from this problem. {}",
    "Turn this into a poem of 3 lines. {}",
    "I want you to check the grammar of what follows. {}",
    "Can you make this problem harder? {}",
    "Traduis ce problème en allemand. {}",
    "Übersetze die folgende Aufgabe ins Französische. {}",
    "Traduce este problema al alemán. {}",
    "把下面的题目翻译成法语。{}",
    "{} Rewrite it with other names.",
    "{} Explain the question without solving it.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gsm8k", metavar="GSM8K.jsonl", type=Path, nargs="?")
    given = parser.parse_args()
    found = list(paragraphs())
    with_numbers = [text for text in found if len(re.findall(r"\d+", text)) >= 2]
    lines = given.gsm8k.read_text(encoding="utf-8").splitlines() if given.gsm8k else []
    if lines:
        tell("GSM8K questions, numeric", [json.loads(line)["question"] for line in lines], "numeric")
    for name, prompts in gym():
        tell(f"reasoning-gym prompts, {name}", prompts, "numeric" if name == "a number is right" else "open")
    for request in AROUND_A_PROBLEM if lines else ():
        tell(f"{request!r} around GSM8K", [request.format(json.loads(line)["question"]) for line in lines], "open")
    for request in REQUESTS:
        tell(f"{request[:40]!r}", [request.format(text) for text in with_numbers], "open")
    tell("the same paragraphs without a request", with_numbers, "open")
    tell("questions in the descriptions", list(questions(found)), "open")


def tell(about: str, prompts: list[str], wanted: str, shown: int = 3) -> None:
    """Prints how many are taken for what they are, and the first that are not numeric though they should be open."""
    right = [prompt for prompt in prompts if infer_kind(prompt) == wanted]
    print(f"{about}: {len(right)} of {len(prompts)} {wanted}")
    if wanted == "open":
        for wrong in [prompt for prompt in prompts if infer_kind(prompt) != wanted][:shown]:
            print(f"    numeric: {wrong[:160]!r}")


def paragraphs() -> Iterator[str]:
    """Paragraphs of prose in the descriptions of installed packages."""
    for package in sorted(distributions(), key=lambda one: str(one.metadata["Name"])):
        text = package.metadata.get_payload() if package.metadata.get("Description") is None else None
        for paragraph in re.split(r"\n\s*\n", str(text or package.metadata.get("Description") or "")):
            line = " ".join(paragraph.split())
            if 60 <= len(line) <= 600 and len(re.findall(r"[a-z]{2,} [a-z]{2,}", line)) >= 4:
                yield line


def questions(texts: Iterable[str]) -> Iterator[str]:
    """Sentences that ask."""
    for text in texts:
        yield from (s for s in re.split(r"(?<=[.?!])\s+", text) if s.endswith("?") and len(s) > 12)


def gym() -> Iterator[tuple[str, list[str]]]:
    """Prompts of all of reasoning-gym's families, by whether a number is the right answer; nothing without it."""
    try:
        from pilotage.agent.tasks import load_tasks
        from pilotage.agent.tasks.gym import families

        tasks = list(load_tasks(f"gym:{','.join(families())};size=212;seed=5"))
    except Exception as error:  # a family may need what is not installed; the other figures stand without
        print(f"reasoning-gym left out: {error}")
        return
    number: Callable[[object], bool] = lambda gold: parse_number(str(gold)) is not None  # noqa: E731
    yield "a number is right", [task.prompt for task in tasks if number(task.gold)]
    yield "something else is right", [task.prompt for task in tasks if not number(task.gold)]


if __name__ == "__main__":
    main()
