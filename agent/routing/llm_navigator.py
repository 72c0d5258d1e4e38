"""LLMNavigator: the model itself is asked which block comes next (the 'LLM-as-navigator' of RL of Thoughts, section 4).

A baseline for the learned navigators: it reads the task and pays for every choice. What is not a clear choice of a
legal block is not guessed at; the policy `rules` decides then, and the reason says so.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence

from pilotage.agent.blocks import Block, Registry
from pilotage.agent.errors import BadReply, BudgetExceeded
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.prompting import describe
from pilotage.agent.state import State
from pilotage.agent.trace import Step
from pilotage.navigator.policies.policy import Decision, Policy
from pilotage.navigator.spaces import ActionMask, Observation

DIRECTOR = (
    "You direct a solver. You do not solve the task: you choose what the solver does next.\n\nIts moves:\n{moves}"
)
SITUATION = "Task: {task}\n\nDone so far:\n{done}\n\nReply with the name of the next move alone: {legal}."
BEGINNING = 600
"""Characters of the task that the model is shown."""
MAX_TOKENS = 8


class LLMNavigator:
    """Asks the model to choose one of the legal blocks; one call a decision, charged to the run.

    The policy `otherwise` decides where the model makes no clear choice or the budget has no room for the question.
    """

    def __init__(self, registry: Registry, otherwise: Policy, name: str = "llm") -> None:
        self.name = name
        self._actions = registry.actions
        self._otherwise = otherwise
        moves = "\n".join(f"- {block.name}: {about(block)}" for block in registry)
        self._director = Message(role="system", content=DIRECTOR.format(moves=moves))

    async def navigate(self, now: State, observation: Observation, mask: ActionMask, kit: Kit) -> Decision:
        """The model's choice, or that of the rules; where one action alone is legal nothing is asked."""
        legal = [name for name, allowed in zip(self._actions.names, mask, strict=True) if allowed]
        if len(legal) == 1:
            return Decision(self._actions.index(legal[0]), "nothing else is legal")
        try:
            reply = await kit.send(
                self.messages(now, legal), max_tokens=MAX_TOKENS, grammar=grammar(legal), silent=True
            )
        except BudgetExceeded:
            return self._by_rule(observation, mask, "the budget has no room to ask the model")
        except BadReply:
            return self._by_rule(observation, mask, "the model gave no usable reply")
        chosen = parse(reply.text, legal)
        if chosen is None:
            text = " ".join(reply.text.split())[:40]
            return self._by_rule(observation, mask, f"the model named no legal block ({text!r})")
        return Decision(self._actions.index(chosen), "the model's choice")

    def messages(self, now: State, legal: Sequence[str]) -> tuple[Message, ...]:
        """What the model is asked: the moves first, which never change, then the run."""
        task = describe(now.task)
        shown = task if len(task) <= BEGINNING else task[:BEGINNING] + " ..."
        done = "\n".join(f"- {outcome(step)}" for step in now.trace.steps) or "- nothing"
        asked = SITUATION.format(task=shown, done=done, legal=", ".join(legal))
        return (self._director, Message(role="user", content=asked))

    def _by_rule(self, observation: Observation, mask: ActionMask, why: str) -> Decision:
        decision = self._otherwise.decide(observation, mask)
        return Decision(decision.action, f"{why}; by rule: {decision.why}")


def about(block: Block) -> str:
    """A block's description: the first line of its docstring, its name where it has none."""
    return (inspect.getdoc(type(block)) or block.name).splitlines()[0]


def outcome(step: Step) -> str:
    """What a step came to, in a line, from public evidence alone."""
    evidence = step.evidence
    parts = [f"answer {' '.join(step.candidate.split())[:60]}" if step.candidate is not None else "no answer yet"]
    parts += [f"program {evidence.program}"] if evidence.program else []
    parts += [f"{evidence.verdict} with the answer before"] if evidence.verdict else []
    if evidence.examples_passed is not None:
        parts.append(f"{evidence.examples_passed:.0%} of the worked examples pass")
    return f"{step.block}: {', '.join(parts)}"


def grammar(names: Sequence[str]) -> str:
    """GBNF for exactly one of these names."""
    return "root ::= " + " | ".join(json.dumps(name) for name in names)


def parse(text: str, legal: Sequence[str]) -> str | None:
    """The legal name that a reply names: it says nothing else, or names one alone; None otherwise."""
    bare = text.strip().strip("\"'`*.").casefold()
    for name in legal:
        if bare == name.casefold():
            return name
    words = set(re.findall(r"[\w-]+", text.casefold()))
    named = [name for name in legal if name.casefold() in words]
    return named[0] if len(named) == 1 else None
