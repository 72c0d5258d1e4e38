"""Judge: a model is asked how good a step is. One digit, which a grammar holds it to.

A judge reads the task and the steps, never the hidden answer. Its replies go through the response cache, and what they
cost is kept with the scores.
"""

from __future__ import annotations

import hashlib
import json

from pilotage.agent.banks.recorder import counts
from pilotage.agent.banks.scorers.base import ScoredStep, StepScorer
from pilotage.agent.errors import StepRefused
from pilotage.agent.messages import Message
from pilotage.agent.models.client import ModelClient
from pilotage.agent.models.reply import Request, RequestRefused, UnusableReply
from pilotage.agent.models.verdicts import ALTERNATIVES, HIGHEST, MARK_GRAMMAR, MARK_SCHEMA, MARK_TOKENS, read_mark
from pilotage.agent.prompting import describe
from pilotage.navigator.bank.step_scores import StepScore

SYSTEM = "You judge single steps of a solution strictly."
QUESTION = (
    "How likely is it that step {number} is correct and brings the solution nearer to the right answer? "
    "Reply with one digit, 0 for certainly not to 9 for certainly."
)


class Judge(StepScorer):
    """A chat model as step scorer. A score is the digit over 9, or its expectation where log-probabilities are given.

    Args:
        model: who is asked.
    """

    def __init__(self, model: ModelClient) -> None:
        self.model = model
        self.name = f"judge-{model.name}"
        content = [model.identity, SYSTEM, QUESTION, HIGHEST]
        self.identity = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    async def score(self, step: ScoredStep) -> StepScore:
        """The model's score; unknown, with its cost, where the reply holds none. A silent step is not asked about.

        Raises:
            ModelUnavailable: the endpoint is down.
            StepRefused: it refused the request.
        """
        if not step.node.text.strip() or step.task is None:
            return StepScore(None)
        request = Request(
            messages=self._messages(step),
            max_tokens=MARK_TOKENS,
            grammar=MARK_GRAMMAR,
            json_schema=MARK_SCHEMA,
            logprobs=True,
            top_logprobs=ALTERNATIVES,
        )
        try:
            reply = await self.model.ask(request)
        except RequestRefused as refused:
            raise StepRefused(str(refused)) from refused
        except UnusableReply as unusable:
            return StepScore(None, counts(unusable.usage))
        return StepScore(read_mark(reply), counts(reply.usage))

    def _messages(self, step: ScoredStep) -> tuple[Message, ...]:
        assert step.task is not None
        texts = step.texts
        steps = "\n\n".join(f"Step {number}:\n{text}" for number, text in enumerate(texts, 1))
        asked = f"Task:\n{describe(step.task)}\n\n{steps}\n\n{QUESTION.format(number=len(texts))}"
        return Message(role="system", content=SYSTEM), Message(role="user", content=asked)
