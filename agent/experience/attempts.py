"""Attempts: what of a run experience keeps. Places of answers, never their text, so that nothing of a task is stored.

Each distinct answer of a run is right, wrong, or nobody knows. Public evidence tells at once (`Candidate.verified`:
a second independent route, or all of the task's own worked examples): the answer that it backs counts as right and all
others as wrong. A user's feedback on the answer that was given tells later. Hidden grades are never asked.

Agreement says of hardly any answer that it is wrong, so that who counted only what it settled would take every route
for right (verification bias, Begg and Greenes 1983). Where nobody knows, the calibrated confidence of the answer that
was given stands in, as a share of a right one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from pilotage.agent.answers import normal_form
from pilotage.agent.blocks.sample import route_of
from pilotage.agent.state import State, candidates
from pilotage.agent.trace import Hint, Step
from pilotage.common.tokens import estimate_tokens

Evidence = Literal["", "verified", "feedback", "grade"]
"""What tells that an answer is right: nothing yet, public evidence, a user, or a grade that a user gave."""

FORMAT = 1
PROVEN = 0.6
"""Least posterior of a concept that has shown its worth: one that helped once and did no harm has 0.67."""

START = "start"


@dataclass(frozen=True)
class Attempt:
    """One block of a run.

    Attributes:
        situation: in which it was chosen (`pilotage.navigator.experience.situations`).
        block: its name.
        leader: place of the answer that led after it; None where none had been reached.
        cost: thousands of tokens that it took.
        fresh: the block that would have done the same at the start, for a step that worked from the task alone; empty
            for one that did not.
        own: place of its own answer; None where it reached none.
    """

    situation: str
    block: str
    leader: int | None
    cost: float
    fresh: str = ""
    own: int | None = None


@dataclass(frozen=True)
class Attempts:
    """What a run tried and what is known of its answers.

    Attributes:
        tried: its blocks, in order, without the one that ends it.
        right: of each distinct answer whether it is right, 0 to 1; None where nobody knows.
        given: place of the answer that it gave; None for none of them.
        guess: how likely that answer is right, by the agent's confidence; None where nothing says.
        ending: thousands of tokens of the block that ended it.
        hinted: whether it was shown concepts of the memory.
        hinting: thousands of tokens of concepts in its prompts that had not shown their worth.
        writing: thousands of tokens that recalling and writing to memory took.
        explores: whether a second route of it was taken to find out (`Study`), and not by its policy's own design.
    """

    tried: tuple[Attempt, ...]
    right: tuple[float | None, ...]
    given: int | None
    guess: float | None = None
    ending: float = 0.0
    hinted: bool = False
    hinting: float = 0.0
    writing: float = 0.0
    explores: bool = False

    @property
    def first(self) -> int | None:
        """Place among the attempts of the first that had an answer."""
        return next((place for place, one in enumerate(self.tried) if one.leader is not None), None)

    @property
    def is_studied(self) -> bool:
        """Whether it went on when it had an answer."""
        return self.first is not None and self.first + 1 < len(self.tried)

    @property
    def first_right(self) -> float | None:
        """Whether the first answer was right; None where nobody knows."""
        return None if self.first is None else self.right[self.tried[self.first].leader or 0]

    @property
    def first_score(self) -> float | None:
        """The same, or how likely it is where it was given; None where nothing says."""
        right = self.first_right
        if right is not None or self.first is None or self.tried[self.first].leader != self.given:
            return right
        return self.guess

    def score(self, place: int | None) -> float | None:
        """What is known of an answer by its place, 0 to 1; of none that it is not right."""
        if place is None:
            return 0.0
        return self.guess if self.right[place] is None and place == self.given else self.right[place]

    @property
    def corrected(self) -> bool:
        """Whether its first answer is known to be wrong, and the one that it gave to be right."""
        given = None if self.given is None else self.right[self.given]
        return given == 1.0 and self.first_right == 0.0

    @property
    def studying(self) -> float:
        """Thousands of tokens that exploring took: routes beyond the first answer, memory's service, and hints."""
        after = () if self.first is None or not self.explores else self.tried[self.first + 1 :]
        return sum(attempt.cost for attempt in after) + self.writing + self.hinting

    @property
    def cost(self) -> float:
        """Thousands of tokens that all of it took."""
        return sum(attempt.cost for attempt in self.tried) + self.ending + self.writing

    def judged(self, right: float | None) -> Self:
        """The same where the answer that was given is known to be right, wrong, or (None) no longer known to be.

        Of the other answers of a run whose own is right it is known that they are wrong; where it is wrong, nothing
        is known of them.
        """
        if self.given is None:
            return self
        others = 0.0 if right == 1.0 else None
        told = tuple(right if place == self.given else others for place in range(len(self.right)))
        return replace(self, right=told)

    @property
    def is_told(self) -> bool:
        """Whether anything is known of what it came to."""
        return self.given is None or any(right is not None for right in self.right)

    def outcomes(self) -> list[tuple[str, str, float, float]]:
        """Situation, block, score and cost of each attempt of which it is known what it came to.

        What an attempt came to is what the run had been worth had it ended with the first answer from there on: the
        one-bit rule's continuation, which is also what recorded trees are asked for. A later attempt that worked from
        the task alone tells besides what it would have come to at the start.
        """
        known: list[tuple[str, str, float, float]] = []
        score = self.score(self.given)
        cost = self.ending
        for attempt in reversed(self.tried):
            cost += attempt.cost
            if attempt.leader is not None:
                score, cost = self.score(attempt.leader), attempt.cost
            if score is not None:
                known.append((attempt.situation, attempt.block, score, cost))
            alone = None if attempt.own is None else self.score(attempt.own)
            if attempt.fresh and attempt.situation != START and alone is not None:
                known.append((START, attempt.fresh, alone, attempt.cost))
        return known[::-1]

    def to_json(self) -> str:
        """One line of text, `from_json`'s other half."""
        tried = [[one.situation, one.block, one.leader, round(one.cost, 4), one.fresh, one.own] for one in self.tried]
        rest = {name: getattr(self, name) for name in _PLAIN}
        rounded = {name: round(value, 4) if type(value) is float else value for name, value in rest.items()}
        return json.dumps({"format": FORMAT, "tried": tried, "right": self.right, **rounded})

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """What a line tells; None where another version wrote it."""
        content = json.loads(text)
        if content["format"] != FORMAT:
            return None
        tried = tuple(Attempt(*one) for one in content["tried"])
        return cls(tried, tuple(content["right"]), **{name: content[name] for name in _PLAIN})


_PLAIN = ("given", "guess", "ending", "hinted", "hinting", "writing", "explores")


OF_MEMORY = ("recall", "distil")
"""By whom what memory takes is charged."""


def attempts_of(
    state: State, terminal: str, guess: float | None = None, *, explores: bool = False
) -> tuple[Attempts, Evidence] | None:
    """What a finished run tried, and what tells that its answer is right.

    None where the reply itself is the answer, unless memory took something: then nothing but what that took.

    Args:
        state: the run at its end.
        terminal: name of the block that ends it.
        guess: how likely its answer is right, by the agent's confidence.
        explores: whether second routes of it were taken to find out.
    """
    task, steps = state.task, state.trace.steps
    forms = [normal_form(task.kind, one.text, task.choices) for one in state.candidates]
    hints = state.trace.recalled
    free = not hints.hints or is_proven(hints.hints)
    hinting = 0.0 if free else estimate_tokens(hints.text) * _asking(steps) / 1000
    charges = (charge for charge in state.trace.charges if charge.by in OF_MEMORY)
    writing = sum(charge.usage.total_tokens for charge in charges) / 1000
    if task.kind == "open" or (task.inferred and not forms):  # nothing says of its blocks whether they did well
        whole = sum(step.usage.total_tokens for step in steps) / 1000
        shown = Attempts((), (), None, None, whole, True, hinting, writing, explores)
        return (shown, "") if hinting or writing else None

    def place_of(answer: str) -> int:
        return forms.index(normal_form(task.kind, answer, task.choices))

    tried, ending = [], 0.0
    for place, step in enumerate(steps):
        cost = step.usage.total_tokens / 1000
        if step.block == terminal:
            ending += cost
            continue
        led = candidates(task, steps[: place + 1])
        leader = place_of(led[0].text) if led else None
        own = None if step.candidate is None else place_of(step.candidate)
        fresh = route_of(step) if step.independent else ""
        tried.append(Attempt(situation_of(steps[:place]), step.block, leader, cost, fresh, own))
    backed = next((place for place, one in enumerate(state.candidates) if one.verified), None)
    right = tuple(None if backed is None else float(place == backed) for place in range(len(forms)))
    given = 0 if forms else None
    hinted = bool(state.trace.hints)
    known = Attempts(tuple(tried), right, given, guess, ending, hinted, hinting, writing, explores)
    return known, "" if backed is None else "verified"


def is_proven(hints: Iterable[Hint]) -> bool:
    """Whether any of some concepts has shown its worth."""
    return any(hint.posterior >= PROVEN for hint in hints)


def _asking(steps: Sequence[Step]) -> int:
    """How many prompts a run sent."""
    return sum(step.usage.llm_calls for step in steps)


def situation_of(steps: Sequence[Step]) -> str:
    """Name of the situation behind some steps, as `Situations.names` has it."""
    if not steps:
        return START
    answered = any(step.candidate is not None for step in steps)
    return f"{steps[-1].block}, {'answered' if answered else 'no answer'}"
