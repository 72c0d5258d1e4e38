"""Probe: P(the leading answer is right), read off one yes/no token.

The idea is that of 'Adaptive Inference-Time Compute' (Manvi et al. 2024).
"""

from __future__ import annotations

import math

from pilotage.agent.kit import Kit
from pilotage.agent.models.reply import Reply
from pilotage.agent.prompting import conversation
from pilotage.agent.state import State

QUESTION = "Proposed answer: {answer}\nIs the proposed answer correct? Reply yes or no."
GRAMMAR = 'root ::= "yes" | "no"'
TOP = 10


async def probability_right(state: State, kit: Kit) -> float:
    """Probability in [0, 1] that the model gives to `yes`, against `no`; -1 where it cannot be told.

    Raises:
        BudgetExceeded: the budget does not cover one more call.
    """
    leader = state.leader
    if leader is None:
        return -1.0
    messages = conversation(state, QUESTION.format(answer=leader.text))
    reply = await kit.send(messages, max_tokens=1, top_logprobs=TOP, grammar=GRAMMAR, silent=True)
    return _share_of_yes(reply)


def _share_of_yes(reply: Reply) -> float:
    if not reply.logprobs:
        said = reply.text.strip().lower()
        return {"yes": 1.0, "no": 0.0}.get(said, -1.0)
    first = reply.logprobs[0]
    mass = {"yes": 0.0, "no": 0.0}
    for token, logprob in dict((*first.top, (first.token, first.logprob))).items():
        word = token.strip().lower()
        for answer in mass:
            if word and answer.startswith(word):
                mass[answer] += math.exp(logprob)
    whole = mass["yes"] + mass["no"]
    return mass["yes"] / whole if whole > 0 else -1.0
