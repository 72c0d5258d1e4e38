"""Trees of steps with known probabilities, played by a model, and scorers that know what each path is worth."""

import re

from pilotage.agent.models import Capabilities, ModelClient, ScriptedReply, StochasticChatModel
from pilotage.agent.strategies.scorers import SCORERS
from pilotage.agent.strategies.scorers.base import Scorer

CONTINUES = Capabilities(logprobs=True, prefill=True)


def told(text):
    """A path's text as a tuple of its steps."""
    return tuple(filter(None, (part.strip() for part in text.split("\n\n"))))


def tree(steps, capabilities=CONTINUES, logprob=lambda path: -0.1, then="\n\nand much more", **settings):
    """A model that writes a tree of steps.

    Args:
        steps: `(path, random.Random) -> next step`, given what stands so far as a tuple of steps; None says nothing.
        capabilities: prefill by default.
        logprob: `path -> log-probability` of each word of a path's last step.
        then: what the model would write behind a step.
    """

    def reply(messages, chance):
        path = told(next((str(m.text) for m in reversed(messages) if m.type == "ai"), ""))
        step = steps(path, chance)
        if step is None:
            return ScriptedReply(text="")
        ends = step.startswith("Answer:")
        return ScriptedReply(text=step + ("" if ends else then), logprob=logprob((*path, step)))

    return StochasticChatModel(reply, capabilities=capabilities, **{"keeps_calls": False} | settings)


def drawn_from(branches):
    """Steps from a mapping `path -> {step: probability}`."""

    def step(path, chance):
        options = branches[path]
        return chance.choices(list(options), list(options.values()))[0]

    return step


class Known(Scorer):
    """Scores a path as a table or a function says, and counts how often each was asked about."""

    name = "known"

    def __init__(self, scores, default=0.5):
        self._scores = scores if callable(scores) else lambda path: scores.get(path, default)
        self.asked = []

    async def score(self, state, kit, steps):
        paths = [told(step.text) for step in steps]
        self.asked += paths
        return [self._scores(path) for path in paths]


def known(monkeypatch, scores, default=0.5):
    """Makes a scorer of known scores the one that `scorer="known"` names."""
    scorer = Known(scores, default)
    monkeypatch.setitem(SCORERS, "known", scorer)
    return scorer


def odds(ratio):
    """The score whose odds are a ratio."""
    return ratio / (1 + ratio)


def said(answer):
    """A step that marks an answer."""
    return f"Answer: {answer}"


def texts(call):
    """What a call asked for, by role."""
    return [(message.type, re.sub(r"\s+", " ", str(message.text)).strip()) for message in call.messages]


def client(model, **how):
    return ModelClient(model, **how)
