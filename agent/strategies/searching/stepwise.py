r"""Step-wise generation: a solution is written step by step, so that each step can be scored, kept or left.

A step ends at a blank line, or at a token limit. Of 1,638 replies to `reason`'s prompt in a recorded bank 1,535 had
blank lines, and most of them three to five paragraphs, where they had a dozen lines and more; blank lines are also what
process reward models and the search literature split at (Snell et al. 2024; Beeching et al. 2024).

Where the backend goes on with an assistant's message that ends a conversation (`Capabilities.prefill`: llama.cpp does,
as do vLLM and SGLang on request), the next step is asked for by the text so far. Others, OpenAI's own among them, begin
a new message then, and some refuse; they are asked for the next step alone in a user's turn.

A path has ended when its answer is marked, when the model has nothing more to say (an empty step), or when its reply
was unusable. Backends do not tell whether a reply ended at the blank line or by itself, so a model that stops without a
marked answer is asked once more, for the price of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from random import Random

from pydantic import Field, field_validator

from pilotage.agent.answers import extract
from pilotage.agent.errors import BadReply, BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import ANSWER_FORM, conversation
from pilotage.agent.state import Candidate, State
from pilotage.agent.strategies.base import REMOTE, Strategy
from pilotage.agent.strategies.drawing import Drawn, answers_of, asked_for, chosen, error_line
from pilotage.agent.strategies.scorers import SCORERS, ScorerName, scored, scorer_named
from pilotage.agent.strategies.searching.path import Extended, Path, distinct
from pilotage.agent.strategies.together import within_budget
from pilotage.agent.task import Task
from pilotage.agent.trace import Step, Usage
from pilotage.common.tokens import estimate_tokens

__all__ = ["NEXT", "SEPARATOR", "Path", "StepwiseStrategy", "Writing", "distinct"]

SEPARATOR = "\n\n"
"""What ends a step."""
NEXT = "Write the next step alone, in one short paragraph. Is no step missing any more? {form}"
"""Asks for a step where the text so far cannot be gone on with."""


class StepwiseStrategy(Strategy):
    """A strategy whose solutions are written and scored step by step."""

    temperature: float = Field(0.8, gt=0, le=5, description="of every step")
    step_tokens: int = Field(128, ge=1, le=4096, description="most tokens of a step, which else ends at a blank line")
    max_steps: int = Field(6, ge=1, le=200, description="most steps of a path; one without an answer then abstains")
    scorer: ScorerName = Field("logprob", description="who scores a path so far")

    @field_validator("scorer")
    @classmethod
    def _scores_paths(cls, name: str) -> str:
        if scorer_named(name).whole:
            able = [other for other, scorer in SCORERS.items() if not scorer.whole]
            raise ValueError(f"{name} says nothing of unfinished paths: use {', '.join(able)} or {REMOTE}URL")
        return name

    @property
    def calls_a_step(self) -> int:
        """Calls that a step of a path costs, its scoring too."""
        return 1 + scorer_named(self.scorer).calls

    @property
    def needs_logprobs(self) -> bool:
        return scorer_named(self.scorer).needs_logprobs


class Writing:
    """The paths of one run of a strategy: writes them further and has them scored.

    Attributes:
        chance: the run's random stream.
        written: every path that was written, in order.
        limit: of the budget, where it refused a step.
        unusable: replies that were none.
    """

    def __init__(self, strategy: StepwiseStrategy, state: State, kit: Kit) -> None:
        self.strategy, self.state, self.kit = strategy, state, kit
        self.chance: Random = strategy.chance(state, kit)
        self.asked = asked_for(state, "reason")
        self.written: list[Path] = []
        self.limit: BudgetExceeded | None = None
        self.unusable: list[BadReply] = []

    async def extend(self, paths: Iterable[tuple[Path, int]], *, greedy: bool = False, score: bool = True) -> Extended:
        """Writes one more step of each path, side by side.

        Args:
            paths: which, each with the number of the call: a path gets the same step under the same number.
            greedy: at temperature 0.
            score: have them scored by the strategy's scorer.

        Raises:
            ModelUnavailable: nobody answers.
        """
        wanted = list(paths)
        prompts = [self._messages(path) for path, _ in wanted]
        limit = self.strategy.step_tokens

        async def one(kit: Kit, place: int) -> Path:
            reply = await kit.send(
                prompts[place],
                max_tokens=limit,
                temperature=0.0 if greedy else self.strategy.temperature,
                sample=0 if greedy else wanted[place][1],
                silent=True,
                stop=(SEPARATOR,),
                piece=True,
            )
            return self._further(*wanted[place], reply)

        sizes = ((place, _size(prompt), limit) for place, prompt in enumerate(prompts))
        done = await within_budget(self.kit, one, sizes)
        self.limit = self.limit or done.limit
        self.unusable += done.unusable.values()
        found = dict(done.results)
        for place, bad in done.unusable.items():
            path, number = wanted[place]
            usage: Usage = getattr(bad, "usage", Usage())
            ended = replace(path, before=path, number=number, ended=True, usage=usage)
            found[place] = replace(ended, note=str(bad), error=error_line(bad))
        extended = tuple(found.get(place) for place in range(len(wanted)))
        if not score:
            self.written += filter(None, extended)
            return Extended(extended, done.limit)
        return Extended(await self._scored(extended), done.limit)

    def grows(self, path: Path) -> bool:
        """Whether a path may be gone on with: it has not ended, and has fewer steps than it may."""
        return not path.ended and path.depth < self.strategy.max_steps

    async def finish(self, path: Path) -> Path:
        """Writes a path alone until it ends, or has as many steps as it may."""
        while self.grows(path) and self.limit is None:
            (path,) = (await self.extend([(path, 1)])).written or (path,)
        return path

    async def _scored(self, paths: Sequence[Path | None]) -> tuple[Path | None, ...]:
        """The paths with their scores, 0 for those that ended without an answer; None where the scorer cannot say."""
        there = [path for path in paths if path is not None]
        steps = [path.as_step(self.strategy.name, self.asked) for path in there]
        scores = await scored(scorer_named(self.strategy.scorer), self.state, self.kit, steps)
        told = [
            replace(path, score=0.0 if path.ended and path.candidate is None else score)
            for path, score in zip(there, scores, strict=True)
        ]
        self.written += told
        rest = iter(told)
        return tuple(None if path is None else next(rest) for path in paths)

    def steps_of(self, paths: Sequence[Path]) -> tuple[Step, ...]:
        """Paths as the steps that are voted on; one that has not ended abstains."""
        return tuple(path.as_step(self.strategy.name, self.asked) for path in paths)

    def best(self, paths: Iterable[Path]) -> Path | None:
        """The path with an answer that is worth most, of equals one that is drawn; None where none has one."""
        answered = [path for path in paths if path.candidate is not None]
        highest = max((path.worth for path in answered), default=0.0)
        return self.chance.choice([path for path in answered if path.worth == highest]) if answered else None

    def conclude_with(self, paths: Sequence[Path], best: Path | None, why: str = "") -> Step:
        """The step of a strategy that takes one of several paths, or none; `why` instead of its score."""
        note = "no path came to an answer"
        if best is not None:
            unjudged = "" if best.score is not None else ", that of what it goes on from"
            why = why or f"the highest score of {self.strategy.scorer}, {best.worth:.2f}{unjudged}"
            note = f"of {len(paths)} paths one of {best.depth} steps has {why}"
        if best is None:
            return self.conclude(paths, lambda steps: None, note)
        place = [path.text for path in paths].index(best.text)
        return self.conclude(paths, lambda steps: steps[place], note)

    def conclude(
        self,
        paths: Sequence[Path],
        choose: Callable[[Sequence[Step]], Step | Candidate | None],
        note: str,
        scores: Sequence[float | None] | None = None,
    ) -> Step:
        """The step of a strategy that wrote several paths.

        Args:
            paths: those that it ends with, which its step shows.
            choose: the answer among their steps, or the step that has it.
            note: why.
            scores: what the step shows of each; their own by default.

        Raises:
            CutShort: with the step, where a limit of the budget refused further steps.
            BudgetExceeded: it refused all of them.
            BadReply: none had a usable reply.
        """
        if self.unusable and not any(path.text for path in self.written):
            raise self.unusable[0]
        if self.limit is not None and not self.written:
            raise self.limit
        steps = self.steps_of(paths)
        chose = choose(steps)
        best = chose if isinstance(chose, Step) else None
        answer = chose if isinstance(chose, Candidate) else None
        if best is not None:
            answer = next(a for a in answers_of(self.state, steps) if any(step is best for step in a.steps))
        if answer is not None:
            # What goes on from one first step is no second route to an answer.
            their = set(map(id, answer.steps))
            reached = {path.origin for path, step in zip(paths, steps, strict=True) if id(step) in their}
            answer = replace(answer, routes=max(1, len(reached)))
        shown = [path.score for path in paths] if scores is None else scores
        drawn = Drawn(steps, self.limit)
        return chosen(self.strategy.name, self.kit, drawn, answer, note, shown, best)

    def _messages(self, path: Path) -> tuple[Message, ...]:
        """What asks for the next step of a path."""
        messages = conversation(self.state, self.asked, independent=True)
        if not path.text:
            return messages
        so_far = Message(role="assistant", content=path.text)
        if self.kit.model.capabilities.prefill:
            return (*messages, so_far)
        form = ANSWER_FORM[self.state.task.kind]
        return (*messages, so_far, Message(role="user", content=NEXT.format(form=form)))

    def _further(self, path: Path, number: int, reply: Reply) -> Path:
        """A path and the step in a reply."""
        silent = not reply.cut and not reply.text.strip()
        # A message of its own does not go on in the middle of a word, nor of an answer.
        apart = path.cut and not self.kit.model.capabilities.prefill
        before = path.text.rstrip() + SEPARATOR if apart else path.text
        text = before + (reply.text if reply.cut else "" if silent else reply.text.rstrip() + SEPARATOR)
        task, tokens = self.state.task, reply.logprobs or ()
        if silent:
            candidate = extract(task.kind, text, task.choices, cut=apart)
        else:
            candidate = _marked(task, reply.text if apart and task.kind != "program" else text, cut=reply.cut)
        return Path(
            text=text,
            before=path,
            number=number,
            ended=silent or candidate is not None,
            candidate=candidate,
            cut=reply.cut,
            tokens=path.tokens + len(tokens),
            logprob=path.logprob + sum(token.logprob for token in tokens),
            lowest=min([path.lowest, *(token.logprob for token in tokens)]),
            usage=reply.usage,
            note="the model stopped and had marked no answer" if silent and candidate is None else None,
        )


def _marked(task: Task, text: str, *, cut: bool) -> str | None:
    """The answer that a text marks; a text that is nothing but an answer is a step like any other."""
    if task.kind == "program":
        return extract("program", text, cut=True)  # a block that is closed
    if extract("text", text, cut=cut) is None:
        return None
    return extract(task.kind, text, task.choices, cut=cut)


def _size(messages: Sequence[Message]) -> int:
    return estimate_tokens("".join(message.written for message in messages))
