"""Trees of steps with known probabilities, played by a model, and a scorer that knows what each path is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

from langchain_core.messages import BaseMessage

from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Capabilities
from pilotage.agent.models.scripted import ScriptedReply
from pilotage.agent.models.stochastic import StochasticChatModel
from pilotage.agent.state import State
from pilotage.agent.strategies.scorers import SCORERS
from pilotage.agent.strategies.scorers.base import Scorer
from pilotage.agent.trace import Step

Told = tuple[str, ...]
"""A path as its steps."""
Branches = Mapping[Told, Mapping[Any, float]]
"""For each path its next steps with their probabilities; None for silence."""
Worth = Mapping[Told, float | None] | Callable[[Told], float | None]

CONTINUES = Capabilities(logprobs=True, prefill=True)


def told(text: str) -> Told:
    """A path's text as a tuple of its steps."""
    return tuple(filter(None, (part.strip() for part in text.split("\n\n"))))


def tree(
    steps: Callable[[Told, Random], str | None],
    capabilities: Capabilities = CONTINUES,
    logprob: Callable[[Told], float] = lambda path: -0.1,
    then: str = "\n\nand much more",
    **settings: Any,
) -> StochasticChatModel:
    """A model that writes a tree of steps.

    Args:
        steps: `(path, random.Random) -> next step`, given what stands so far as a tuple of steps; None says nothing.
        capabilities: prefill by default.
        logprob: `path -> log-probability` of each word of a path's last step.
        then: what the model would write behind a step.
        settings: of the model.
    """

    def reply(messages: list[BaseMessage], chance: Random) -> ScriptedReply:
        path = told(next((str(m.text) for m in reversed(messages) if m.type == "ai"), ""))
        step = steps(path, chance)
        if step is None:
            return ScriptedReply(text="")
        ends = step.startswith("Answer:")
        return ScriptedReply(text=step + ("" if ends else then), logprob=logprob((*path, step)))

    return StochasticChatModel(reply, capabilities=capabilities, **{"keeps_calls": False} | settings)


def drawn_from(branches: Branches) -> Callable[[Told, Random], Any]:
    """Steps from a mapping `path -> {step: probability}`."""

    def step(path: Told, chance: Random) -> Any:
        options = branches[path]
        return chance.choices(list(options), list(options.values()))[0]

    return step


class Known(Scorer):
    """Scores a path as a table or a function says, and keeps which it was asked about."""

    name = "known"

    def __init__(self, scores: Worth, default: float = 0.5) -> None:
        self._scores = scores if callable(scores) else lambda path: scores.get(path, default)
        self.asked: list[Told] = []

    async def score(self, state: State, kit: Kit, steps: Sequence[Step]) -> list[float | None]:
        """What each path is worth."""
        paths = [told(step.text) for step in steps]
        self.asked += paths
        return [self._scores(path) for path in paths]


@contextmanager
def known_scores(scores: Worth, default: float = 0.5) -> Iterator[Known]:
    """Within it `scorer="known"` names a scorer that knows what each path is worth."""
    before = SCORERS.get(Known.name)
    SCORERS[Known.name] = scorer = Known(scores, default)
    try:
        yield scorer
    finally:
        del SCORERS[Known.name]
        if before is not None:
            SCORERS[Known.name] = before


def odds(ratio: float) -> float:
    """The score whose odds are a ratio."""
    return ratio / (1 + ratio)


def said(answer: str) -> str:
    """A step that marks an answer."""
    return f"Answer: {answer}"


def full_tree(depth: int, seed: int = 5) -> tuple[dict[Told, dict[str, float]], dict[Told, float]]:
    """Branches and random scores of a tree: two steps at each depth, then an answer that names the path."""
    chance, branches, scores, level = Random(seed), dict[Told, dict[str, float]](), dict[Told, float](), [Told()]
    for _ in range(depth):
        branches |= {path: {"left": 0.5, "right": 0.5} for path in level}
        level = [(*path, side) for path in level for side in ("left", "right")]
        scores |= {path: chance.random() for path in level}
    for path in level:
        branches[path] = {said(" ".join(path)): 1.0}
        scores[*path, said(" ".join(path))] = chance.random()
    return branches, scores


def best_leaf(scores: Mapping[Told, float]) -> str:
    """The answer of the whole path that is worth most."""
    deepest = max(map(len, scores))
    return max((path for path in scores if len(path) == deepest), key=scores.__getitem__)[-1].removeprefix(said(""))
