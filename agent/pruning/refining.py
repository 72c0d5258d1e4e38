"""Refining: how much an answer needs each step of its reasoning, and the reasoning without those it needs least."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from pilotage.agent.messages import Message
from pilotage.agent.models.likelihood import Given, Likelihood
from pilotage.agent.models.reply import Bill
from pilotage.agent.pruning.chains import Chain, ChainStep
from pilotage.agent.pruning.kinds import ANY, PROGRESS, kinds_of
from pilotage.agent.pruning.rules import Rule
from pilotage.memory.text.quoting import quoted_text

Form = Literal["chat", "plain"]
LEAD = "Answer:\n"
"""What the answer stands behind: in a line of its own its first token is the same as at the start of a text."""


@dataclass(frozen=True)
class Refined:
    """A chain, and what of it goes.

    Attributes:
        chain: as it was.
        kinds: of each step; None where the model's reply could not be read, so that every step stays.
        importance: by place, of the steps that may go: how much the answer's mean negative log-probability rises where
            the step is missing, in nats a token.
        dropped: places of the steps that go.
        perplexity: of the answer, behind all steps and behind those that stay.
        tokens: of the reasoning, before and after.
        counted: whether the model's own tokenizer counted them.
    """

    chain: Chain
    kinds: tuple[str, ...] | None
    importance: dict[int, float]
    dropped: frozenset[int]
    perplexity: tuple[float, float]
    tokens: tuple[int, int]
    counted: bool

    def line(self, form: Form, made_by: dict[str, Any], bill: Bill) -> dict[str, Any]:
        """The line of the output: an example for fine-tuning, and how it was made."""
        chain = self.chain
        reasoning = chain.reasoning(self.dropped)
        if form == "chat":
            whole = f"{reasoning}\n\n{chain.ending}"
            turns = [{"role": "user", "content": chain.question}, {"role": "assistant", "content": whole}]
            example: dict[str, Any] = {"messages": turns}
        else:
            example = {"question": chain.question, "reasoning": reasoning, "answer": chain.answer}
        steps = [self._told(place, step) for place, step in enumerate(chain.steps)]
        return example | {
            "pruning": {
                "id": chain.id,
                "chain": chain.digest,
                **made_by,
                "answer": chain.answer,
                "kinds_read": self.kinds is not None,
                "steps": steps,
                "perplexity": {"before": _rounded(self.perplexity[0]), "after": _rounded(self.perplexity[1])},
                "tokens": {"before": self.tokens[0], "after": self.tokens[1], "counted": self.counted},
                "usage": bill.usage.model_dump(mode="json"),
            }
        }

    def _told(self, place: int, step: ChainStep) -> dict[str, Any]:
        """A step as the line tells of it; its text where that is nowhere else in the line."""
        told: dict[str, Any] = {"kind": self.kinds[place] if self.kinds is not None else None}
        if place in self.importance:
            told["importance"] = _rounded(self.importance[place])
        return {**told, "dropped": step.text} if place in self.dropped else told


def _rounded(value: float) -> float:
    return round(value, 6)


async def refine(chain: Chain, likelihood: Likelihood, rule: Rule, bill: Bill, *, asks_kinds: bool) -> Refined:
    """Prunes one chain.

    The importance of step i is log(PPL(answer | question, steps without i) / PPL(answer | question, steps)), after the
    PIR of LIMOPro (Xiao et al. 2025), for the answer that the chain itself came to. Progressive steps always stay and
    are not asked about. None of the marks of the answer is read, and a step with one stays without it.

    Args:
        chain: what to prune.
        likelihood: of the model whose perplexity counts, which also says the kinds.
        rule: which steps go.
        bill: is written what it costs, however it ends.
        asks_kinds: whether the kinds of steps count; otherwise every step may go but the one that matters most.

    Raises:
        ModelError: the model did not answer, or with something that is no use.
    """
    kinds: list[str] | None = [ANY] * len(chain.steps)
    if asks_kinds:
        kinds = await kinds_of(chain, likelihood.client, bill)
    may_go = [
        place
        for place, step in enumerate(chain.steps)
        if kinds is not None and kinds[place] != PROGRESS and step.read and step.read == step.text
    ]

    async def given(without: frozenset[int]) -> Given:
        begun = "\n\n".join([quoted_text(chain.reasoning(without)), LEAD])
        asked = await likelihood.ask([Message(role="user", content=quoted_text(chain.question))], begun, chain.answer)
        bill.usage += asked.usage
        return asked

    whole = await given(frozenset())
    importance: dict[int, float] = {}
    for place in may_go:
        importance[place] = whole.mean_logprob - (await given(frozenset({place}))).mean_logprob
    dropped = rule.dropped(importance, kinds or [])
    if len(dropped) == sum(bool(step.read) for step in chain.steps):  # something has to carry the answer
        dropped.discard(max(importance, key=lambda place: importance[place]))
    gone = frozenset(dropped)
    if not gone:
        after = whole.mean_logprob
    elif len(gone) == 1:  # that is known already
        after = whole.mean_logprob - importance[next(iter(gone))]
    else:
        after = (await given(gone)).mean_logprob
    before, counted = await likelihood.count(chain.reasoning())
    left, _ = await likelihood.count(chain.reasoning(gone))
    return Refined(
        chain,
        None if kinds is None else tuple(kinds),
        importance,
        gone,
        (whole.perplexity, math.exp(-after)),
        (before, left),
        counted,
    )
