"""The files that a question, a concept and a recorded state pass: every file of the project whose code ran on the way.

    python benchmarks/walks.py [--json]

Imports do not count, only functions that were called. The question is solved by a scripted model with five blocks and
a memory; the concept is added, found again and undone; the state is stepped through in a small recorded bank.
"""

import argparse
import json
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pilotage
from pilotage.memory import ConceptDraft, ConceptStore
from pilotage.navigator import Bank

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agent", "common", "memory", "navigator")
BANK = ROOT / "examples" / "banks" / "mixed-rlot"


def passed(walk: Callable[[], object]) -> list[str]:
    """Paths of the files in which a function began while `walk` ran, in any thread, in the order of their first call.

    It runs once before, so that nothing is imported while it is watched: a class that is made counts as a call.
    """
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

    walk()
    threading.setprofile(seen)
    sys.setprofile(seen)
    try:
        walk()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(found)


def question(folder: Path) -> Callable[[], object]:
    model = pilotage.ScriptedChatModel(lambda messages: "Answer: 42")
    store = ConceptStore.open(folder / "memory", embedder="hash")
    store.add(ConceptDraft(kind="lesson", title="Multiply", cues=("a product is asked for",)))

    def walk() -> None:
        with pilotage.ReasoningAgent(
            model, policy="fixed:recall,plan,reason,debate,answer", memory=store, sandbox="none"
        ) as agent:
            agent.solve("What is 6*7?")

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        walks = {make.__name__: passed(make(Path(folder))) for make in (question, concept, state)}
    if options.json:
        print(json.dumps(walks))
        return
    for name, files in walks.items():
        print(f"{name}: {len(files)} files\n  " + "\n  ".join(files))


if __name__ == "__main__":
    main()
