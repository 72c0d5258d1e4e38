"""The files that a question, a concept and a recorded state pass: every file of the project whose code ran on the way.

    python benchmarks/walks.py [--json | --check | --write]

Imports do not count, only functions that were called. The question is solved by a scripted model with five blocks and
a memory, which gives it a hint and takes what the run taught; the concept is added, found again and undone; the state
is stepped through in a small recorded bank. `--check` compares `docs/architecture.md` with what ran and fails where it
says otherwise, `--write` makes it say so.
"""

import argparse
import difflib
import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pilotage
from pilotage.memory import ConceptDraft, ConceptStore
from pilotage.navigator import Bank

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "common", "memory", "navigator")
BANK = ROOT / "examples" / "banks" / "mixed-rlot"
DOCUMENT = ROOT / "docs" / "architecture.md"

TITLES = {"question": "A question", "concept": "A concept", "state": "A recorded state"}
BESIDE = {
    "question": {"agent/blocks/base.py": "what a block is", "agent/events.py": "what the graph tells as it runs"},
    "concept": {"memory/namespace.py": "the store as one namespace of it sees it"},
    "state": {"navigator/envs/__init__.py": "the names that `gymnasium.make` knows"},
}
"""What a reader of a walk needs though no function of it ran: it declares, or it ran when it was imported."""

BLOCKS = ("plan", "reason", "recall", "debate", "answer")
TASK = "Lena sells 14 jars at 6 dollars each and pays 25 dollars for the stall. How many dollars of profit?"
HINT = ConceptDraft(kind="lesson", title="Money from a sale", cues=("How many dollars of profit?",))
NOTE = {
    "title": "Profit of a sale",
    "when": "goods are sold at a price each and a cost is to be subtracted",
    "steps": ["Multiply the amount sold by the price of each.", "Subtract the cost."],
}


def passed(walk: Callable[[], object]) -> list[str]:
    """Paths of the files in which a function began while `walk` ran, in any thread, by their first call."""
    found: dict[str, None] = {}
    names: dict[str, str | None] = {}

    def seen(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "<module>":
            file = frame.f_code.co_filename
            if file not in names:
                path = Path(file).resolve()
                inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES
                names[file] = str(path.relative_to(ROOT)) if inside else None
            if (name := names[file]) is not None:
                found.setdefault(name)

    threading.setprofile(seen)
    sys.setprofile(seen)
    try:
        walk()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(found)


def question(folder: Path) -> Callable[[], object]:
    def script(messages):
        return json.dumps(NOTE) if "<solution>" in messages[-1].text else "14 times 6 is 84, less 25 is 59.\nAnswer: 59"

    model = pilotage.ScriptedChatModel(script)
    store = ConceptStore.open(folder / "memory", embedder="hash")
    hint = store.add(HINT)

    def walk() -> None:
        with pilotage.ReasoningAgent(model, policy=f"fixed:{','.join(BLOCKS)}", memory=store, sandbox="none") as agent:
            run = agent.solve(TASK)
        learned = [store.get(id).title for id in run.learned]
        found = (run.answer, run.route, run.recalled, learned)
        if found != ("59", BLOCKS, (hint,), [NOTE["title"]]):
            raise SystemExit(f"the question went another way: {found}")

    return walk


def concept(folder: Path) -> Callable[[], object]:
    def walk() -> None:
        with ConceptStore.open(folder / "other", embedder="hash") as store:
            store.add(ConceptDraft(kind="lesson", title="Multiply", cues=("a product is asked for",)))
            store.search("a product")
            store.undo(store.events(limit=1)[0].seq)

    return walk


def state(folder: Path) -> Callable[[], object]:
    def walk() -> None:
        import gymnasium

        env = gymnasium.make("pilotage/RecordedReasoning-v0", bank=Bank.open(BANK))
        _, info = env.reset(seed=1)
        done = False
        while not done:
            *_, done, _, info = env.step(int(info["action_mask"].nonzero()[0][0]))

    return walk


def walked() -> dict[str, list[str]]:
    """The files of each walk. It is walked once before, so that nothing is imported while it is watched."""
    files = {}
    for make in (question, concept, state):
        with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as folder:
            make(Path(before))()
            files[make.__name__] = passed(make(Path(folder)))
    return files


def table(files: Sequence[str]) -> str:
    """The files as Markdown, by room in the order of its first one, each with its place in the walk."""
    rooms: dict[str, list[str]] = {}
    for place, file in enumerate(files, 1):
        rooms.setdefault(f"{Path(file).parent}/", []).append(f"{place} `{Path(file).name}`")
    return "\n".join(
        ["| room | files |", "|---|---|", *(f"| `{room}` | {', '.join(of)} |" for room, of in rooms.items())]
    )


def places(written: str) -> dict[str, int]:
    """The place of each file in a table that `table` made."""
    rows = re.findall(r"^\| `(.*?)/` \| (.*) \|$", written, re.MULTILINE)
    return {f"{room}/{file}": int(place) for room, of in rows for place, file in re.findall(r"(\d+) `(.*?)`", of)}


SECTION = r"""^(### {title}: .*) \(\d+ files\)
((?:[^#|].*\n|\n)*)(\| room \| files \|
(?:\|.*\n)+)(?:
Beside them: .*
)?"""
"""Heading, introduction and table of a walk in the document."""


def documented(text: str, walks: dict[str, list[str]], *, in_its_order: bool = False) -> str:
    """A document in which each walk has its number of files, and its table where its old one was.

    In the document's own order where asked: what runs side by side, two searches say, begins now in one order and now
    in the other.
    """
    for name, files in walks.items():
        section = re.search(SECTION.format(title=TITLES[name]), text, re.MULTILINE)
        if section is None:
            raise SystemExit(f"{DOCUMENT} has no section '### {TITLES[name]}: ... (1 files)' with a table of files")
        if ran := BESIDE[name].keys() & files:
            raise SystemExit(f"{', '.join(ran)} ran in the walk {name}: take it out of BESIDE")
        beside = "; ".join(f"`{file}` ({what})" for file, what in BESIDE[name].items())
        if in_its_order:
            said = places(section[3])
            files = sorted(files, key=lambda file: said.get(file, len(said) + 1))  # noqa: B023 (called at once)
        new = f"{section[1]} ({len(files)} files)\n{section[2]}{table(files)}\n\nBeside them: {beside}.\n"
        text = text.replace(section[0], new)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--check", action="store_true", help="fail where the document says otherwise")
    form.add_argument("--write", action="store_true", help="put the walks into the document")
    options = parser.parse_args()
    walks = walked()
    if options.check or options.write:
        before = DOCUMENT.read_text()
        after = documented(before, walks, in_its_order=options.check)
        if options.write:
            DOCUMENT.write_text(after)
        elif before != after:
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "said", "walked", n=0, lineterm="")
            raise SystemExit("\n".join([*lines, f"{DOCUMENT} is not what was walked: use --write"]))
    elif options.json:
        print(json.dumps(walks))
    else:
        for name, files in walks.items():
            print(f"{name}: {len(files)} files\n  " + "\n  ".join(files))


if __name__ == "__main__":
    main()
