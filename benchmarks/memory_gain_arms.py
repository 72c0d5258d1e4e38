"""The arms of memory_gain.py: what each of them keeps of a solved task, and what it shows of it again."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pilotage.agent import ReasoningAgent, Task
from pilotage.agent.blocks import BUILT_IN, Registry
from pilotage.agent.blocks.base import Block
from pilotage.agent.blocks.steps import programmed
from pilotage.agent.kit import Kit
from pilotage.agent.learning.learning import Learner
from pilotage.agent.models import ModelClient
from pilotage.agent.state import State
from pilotage.agent.trace import Hint, Recalled, Step
from pilotage.memory import ConceptStore
from pilotage.memory.embedders.embedder import Embedder, resolve_embedder

POLICY = Path(__file__).with_name("memory_gain.toml")
CREDIT_POLICY = Path(__file__).with_name("memory_gain_credit.toml")
WITHOUT_MEMORY = {"none": POLICY, "single": Path(__file__).with_name("memory_gain_single.toml")}
ARMS = {
    "none": "no memory: every task is explored",
    "single": "no memory, and one program a task, as where memory knows something",
    "lessons": "advice in words, from the same solved tasks; no program",
    "concepts": "program sketches with title and cue, as pilotage writes them",
    "examples": "the most similar solved task, whole, with its program word for word",
    "credit": "concepts; what came of them is counted, weighs in recall, and retires what harms",
    "experience": "no concept is kept or shown; earlier runs on like tasks choose the block",
}

ROUTES = {
    "loops": (
        "Write a short Python program (standard library only) that computes the answer in plain loops, step by step, "
        "without shortcuts, and prints the answer and nothing else. Reply with one ```python block."
    ),
    "function": (
        "Write a short Python program (standard library only) with one function that solves any task of this kind. Its "
        "last line prints what the function returns for the values of this task, and nothing else. Reply with one "
        "```python block."
    ),
}
"""Further routes to an answer: what `verify` does, but cheap, for they are what this benchmark spends most on."""


class OtherProgram(Block):
    """A program written in another way, without sight of the first. One LLM call."""

    def __init__(self, name: str) -> None:
        self.name = name

    def applicable(self, state: State) -> bool:
        return state.abilities.sandbox and not state.trace.has(self.name)

    async def run(self, state: State, kit: Kit) -> Step:
        return await programmed(self.name, state, kit, ROUTES[self.name], independent=True)


def registry() -> Registry:
    """The built-in blocks and the cheap routes."""
    return Registry([*BUILT_IN[:-1], *map(OtherProgram, ROUTES), BUILT_IN[-1]])


@dataclass(frozen=True)
class Part:
    """An agent of one arm, what to do after each task, and what to release at the end."""

    agent: ReasoningAgent
    after: Callable[[], object] = lambda: None
    close: Callable[[], object] = lambda: None


def open_arm(
    arm: str,
    client: ModelClient,
    folder: Path,
    done: Iterable[dict[str, Any]],
    tasks: Mapping[str, Task],
    embedder: str,
    **options: Any,
) -> Part:
    """The agent of an arm; `done` are its results so far, from which `examples` has its memory back."""
    if arm in WITHOUT_MEMORY:
        return Part(ReasoningAgent(client, policy=str(WITHOUT_MEMORY[arm]), **options))
    if arm == "examples":
        agent = ReasoningAgent(client, policy=str(POLICY), **options)
        examples = Examples(resolve_embedder(embedder), done, tasks)
        agent.components = replace(agent.components, recall=examples.recall, learner=examples)
        return Part(agent)
    store = ConceptStore.open(folder, embedder=embedder)
    if arm == "experience":
        agent = ReasoningAgent(client, policy="experience", memory=store, **options)
        agent.components = replace(agent.components, recall=None, learner=None, creditor=None)
        return Part(agent, close=store.close)
    policy = CREDIT_POLICY if arm == "credit" else POLICY
    agent = ReasoningAgent(client, policy=str(policy), memory=store, **options)
    # Lessons from failures and second thoughts on what is new cost more calls; here each arm writes in one.
    learner = Learner(store, client.name, pitfalls=False, deliberate=False)
    agent.components = replace(agent.components, learner=learner)
    if arm == "credit":
        return Part(agent, store.prune, store.close)
    agent.components = replace(agent.components, creditor=None)
    if arm == "lessons":
        agent.components = replace(agent.components, learner=InWords(learner))
    return Part(agent, close=store.close)


class InWords:
    """A learner that is told of a solved task without its program, so that it can only write advice."""

    def __init__(self, learner: Any) -> None:
        self._learner = learner

    async def learn(self, state: State, kit: Kit, *, on_trial: bool = False) -> dict[str, str]:
        steps = tuple(step.model_copy(update={"program": None}) for step in state.trace.steps)
        return await self._learner.learn(replace(state, trace=state.trace.model_copy(update={"steps": steps})), kit)


class Examples:
    """Solved tasks kept whole; the most similar one is shown. What retrieval without abstraction gives (the baseline).

    The write gate, the embedder and the least similarity are those of the concepts.
    """

    def __init__(self, embedder: Embedder, done: Iterable[dict[str, Any]], tasks: Mapping[str, Task]) -> None:
        self._embedder = embedder
        self._texts: dict[str, str] = {}
        self._vectors: dict[str, Any] = {}
        for result in done:
            if result["learned"]:
                programs = [step["program"] for step in result["steps"] if step["program"]]
                self._keep(tasks[result["task_id"]], programs, result["steps"][0]["text"], result["answer"])

    async def recall(
        self, query: str, max_tokens: int, kit: Kit | None = None, *, exclude: Collection[str] = (), tried: str = ""
    ) -> Recalled:
        """The most similar example, however long it is: `max_tokens` would cut the program."""
        return await asyncio.to_thread(self._recall, query)

    async def learn(self, state: State, kit: Kit, *, on_trial: bool = False) -> dict[str, str]:
        leader = state.leader
        if leader is None or not leader.verified:
            return {}
        programs = [step.program for step in leader.steps if step.program]
        await asyncio.to_thread(self._keep, state.task, programs, leader.steps[0].text, leader.text)
        return {state.task.id: "a whole example"}

    def _keep(self, task: Task, programs: list[str], text: str, answer: str) -> None:
        work = f"```python\n{programs[-1].strip()}\n```" if programs else text.strip()
        self._texts[task.id] = (
            f"A similar task that was solved before:\n{task.prompt.strip()}\n{work}\nIts answer: {answer}"
        )
        self._vectors[task.id] = self._embedder.embed([task.prompt])[0]

    def _recall(self, query: str) -> Recalled:
        if not self._vectors:
            return Recalled()
        vector = self._embedder.embed([query])[0]
        similarity = {name: float(np.dot(vector, other)) for name, other in self._vectors.items()}
        best = max(similarity, key=lambda name: similarity[name])
        if similarity[best] < self._embedder.similarity_floor:
            return Recalled()
        hint = Hint(concept_id=best, title="a whole example", similarity=similarity[best])
        return Recalled(text=self._texts[best], hints=(hint,))
