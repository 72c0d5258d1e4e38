"""A scripted model that knows which steps an answer needs, and what each step does."""

import json
import re
from pathlib import Path

import pytest

from pilotage.agent.models import ModelClient, ScriptedChatModel, ScriptedReply
from pilotage.agent.models.reply import Capabilities

CAN = Capabilities(logprobs=True, grammar=True, prefill=True)
WORTH = {"needed": 2.0, "some": 0.5, "little": 0.1, "none": 0.0, "harm": -0.3}
"""What a step with the word adds to the mean log-probability of the answer."""


def answering(messages):
    """The answer is the likelier, the more of what it needs stands before it; a step's first letter is its kind."""
    last = str(messages[-1].text)
    if messages[-1].type == "ai":
        return ScriptedReply(text="42", logprob=-3.0 + sum(WORTH[word] for word in WORTH if word in last))
    letters = re.findall(r'<solution step="\d+">\n([PVMC])', last)
    return "\n".join(f"{number} {letter}" for number, letter in enumerate(letters, 1))


@pytest.fixture
def scripted():
    model = ScriptedChatModel(answering, capabilities=CAN)
    return ModelClient(model)


def record(*steps, **fields):
    return {"question": "What is six times seven?", "reasoning": list(steps), "answer": "42"} | fields


def write(path, *records):
    Path(path).write_text("".join(json.dumps(one) + "\n" for one in records))
    return Path(path)
