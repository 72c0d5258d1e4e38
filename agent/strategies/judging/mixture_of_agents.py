"""Mixture of agents: layers of solutions, each of which reads those of the layer before, and one that merges them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pydantic import Field

from pilotage.agent.blocks.steps import MAX_TOKENS
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.prompting import ANSWER_FORM, conversation, describe, system
from pilotage.agent.state import State
from pilotage.agent.strategies.base import Strategy
from pilotage.agent.strategies.drawing import Drawn, answer_of, asked_for, chosen, draw_one, side_by_side
from pilotage.agent.strategies.showing import numbered, prompt, shuffled, written
from pilotage.agent.strategies.voting import elected, votes
from pilotage.agent.trace import Step
from pilotage.common.tokens import estimate_tokens

MERGE = (
    "These are solutions of the task by others; some of them may be wrong. Weigh them critically, and write one right "
    "solution, each step on its own line with its arithmetic or reason. {form}"
)


class MixtureOfAgents(Strategy):
    """Has several models solve the task, shows each layer what the one before wrote, and has one model merge the last.

    Wang et al. 2024, 'Mixture-of-Agents Enhances Large Language Model Capabilities' (github.com/togethercomputer/MoA).
    The paper has six open models and three layers; here two layers and four solutions, of the run's own model unless
    `models=A,B` names others, which take turns. What is read is shown in an order that is drawn for each reader. Where
    the one who merges comes to no answer, those before it vote.

    Tokens: proposers x (prompt + reply) in each layer but the last, from the second on with all replies of the layer
    before in the prompt; the last is one such call.

    It helps where whoever merges sees which solution is right, or what each has right. One that takes any of them is
    right as often as one draw is; self-consistency has votes for the price of the same draws.
    """

    name = "mixture-of-agents"
    outside = ("models", "aggregator")

    proposers: int = Field(4, ge=1, le=100, description="solutions of each layer but the last")
    layers: int = Field(2, ge=1, le=10, description="the last of which is one merged solution")
    models: str = Field("", description="names of models with commas between, which take turns; empty: the run's own")
    aggregator: str = Field("", description="the model that merges, as --model names one; empty: the run's own")
    temperature: float = Field(0.7, gt=0, le=5, description="of solutions; the merged one is greedy")

    @property
    def least_calls(self) -> int:
        return self.proposers * (self.layers - 1) + 1

    @property
    def named_models(self) -> tuple[str, ...]:
        return (*self._proposing, self.aggregator)

    @property
    def _proposing(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.models.split(","))

    async def run(self, state: State, kit: Kit) -> Step:
        chance, before, limit = self.chance(state, kit), Drawn(), None
        for _ in range(self.layers - 1):
            layer = await self._layer(state, kit, before.steps, chance)
            limit = limit or layer.limit
            if not layer.steps:
                break
            before = layer
        messages, aggregator = self._asked(state, before.steps, chance), kit.models.named(self.aggregator)

        async def merge(own: Kit, number: int) -> Step:
            by = own.branch(aggregator)
            return written(state, by, self.name, await by.send(messages, max_tokens=MAX_TOKENS))

        merged = await draw_one(self.name, kit, merge, len(before.steps) + 1)
        drawn = before + merged + Drawn(limit=limit)
        if merged.steps and merged.steps[0].candidate is not None:
            best = merged.steps[0]
            note = f"merged from {len(before.steps)} solutions"
            return chosen(self.name, kit, drawn, answer_of(state, drawn.steps, best), note, best=best)
        answer = elected(state, drawn.steps, votes(state, drawn.steps), chance)
        return chosen(self.name, kit, drawn, answer, "the merged solution has no answer, so those before it voted")

    async def _layer(self, state: State, kit: Kit, before: Sequence[Step], chance: Random) -> Drawn:
        numbers, names = range(1, self.proposers + 1), self._proposing
        asked = {number: self._asked(state, before, chance) for number in numbers}

        async def one(own: Kit, number: int) -> Step:
            by = own.branch(own.models.named(names[(number - 1) % len(names)]))
            reply = await by.send(asked[number], max_tokens=MAX_TOKENS, temperature=self.temperature, sample=number)
            return written(state, by, self.name, reply, independent=not before)

        size = estimate_tokens("\n".join(message.text for message in asked[1]))
        return await side_by_side(self.name, kit, one, numbers, prompt_tokens=size, completion_tokens=MAX_TOKENS)

    def _asked(self, state: State, before: Sequence[Step], chance: Random) -> tuple[Message, ...]:
        """The task alone, or with what was written before."""
        if not before:
            return conversation(state, asked_for(state, "reason"), independent=True)
        read = numbered([before[place] for place in shuffled(before, chance)])
        merge = MERGE.format(form=ANSWER_FORM[state.task.kind])
        return prompt(system(state.task), f"{describe(state.task)}\n\n{read}\n\n{merge}")
