"""RewardModel: a process reward model behind HTTP. vLLM's `/pooling`, or an endpoint that takes and gives plain JSON.

An address that ends in `/pooling` is vLLM's:

    POST {"model": ..., "messages": [{"role": "user", "content": TASK},
                                     {"role": "assistant", "content": "STEP 1<tag>STEP 2<tag>"}]}
    200  {"data": [{"index": 0, "data": [[bad, good], [bad, good]]}], "usage": {"prompt_tokens": 211}}

with one row for each tag: the probabilities of both classes, or one number. Any other address is asked

    POST {"task": TASK, "steps": ["STEP 1", "STEP 2"]}
    200  {"scores": [0.93, 0.41], "usage": {"prompt_tokens": 211}}

with one score from 0 to 1 for each step; `usage` may be left out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pilotage.agent.errors import BadScores, ScorerUnavailable, StepRefused, UsageError
from pilotage.agent.models.parsing.token_usage import token_count
from pilotage.agent.models.transport.deadline import within
from pilotage.agent.models.transport.guard import Elsewhere, Overlong, hooks
from pilotage.agent.models.transport.retry import RetryPolicy, diagnose
from pilotage.agent.models.transport.work import may_have_worked
from pilotage.common.addresses import checked_address

if TYPE_CHECKING:
    import httpx

KEY = "PILOTAGE_SCORER_KEY"
"""Environment variable with a bearer token, where the endpoint wants one."""

STEP_TAG = "<extra_0>"
"""What ends each step for Qwen2.5-Math-PRM; Math-Shepherd's is a space and the letters `ки`."""


@dataclass(frozen=True)
class Pooling:
    """How steps are marked for vLLM's endpoint, and how its rows are read.

    Attributes:
        tag: what ends each step; the reward model was trained with it.
        good: column of the good class: 1 for Qwen2.5-Math-PRM, 0 for Math-Shepherd served with its good token first.
    """

    tag: str = STEP_TAG
    good: int = 1


@dataclass(frozen=True)
class Rewards:
    """What a reward model said: a score from 0 to 1 for each step, and the tokens that it read, 0 where it is mute."""

    scores: tuple[float, ...]
    prompt_tokens: int


class RewardModel:
    """A process reward model at an address.

    Args:
        url: where to post.
        model: its name, where the server wants one.
        pooling: how steps are marked and rows are read, at an address that ends in `/pooling`.
        timeout: seconds of one attempt.
        retry: backoff for failures that may pass.
        remedy: what to do about an endpoint that fails, as the end of a sentence.

    Attributes:
        identity: changes with anything that its scores depend on, and tells no secret.

    Raises:
        UsageError: the address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        pooling: Pooling = Pooling(),  # noqa: B008 (frozen)
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        remedy: str = "check that it runs",
    ) -> None:
        try:
            parts = urlsplit(checked_address(url, "a step scorer"))
        except ValueError as error:
            raise UsageError(str(error)) from None
        self.url, self.model, self.pooling, self.timeout = url, model, pooling, timeout
        self.retry = retry or RetryPolicy()
        self.remedy = remedy
        self._pools = parts.path.rstrip("/").endswith("/pooling")
        content = [model or url, [pooling.tag, pooling.good] if self._pools else None]
        self.identity = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    async def scores(self, task: str, steps: Sequence[str], on_lost: Callable[[], None] = lambda: None) -> Rewards:
        """How good each step of a solution is after those before it.

        `on_lost` is called for each try that came to nothing and that the model may have worked on.

        Raises:
            ScorerUnavailable: the endpoint could not be reached, or refused; a `StepRefused` where it may score others.
            BadScores: it answered with something else than a score for each step.
        """
        answer = await self._posted(self._body(task, tuple(steps)), on_lost)
        try:
            return Rewards(tuple(self._scores(answer, len(steps))), _prompt_tokens(answer))
        except BadScores:
            on_lost()
            raise

    async def aclose(self) -> None:
        """Closes the connections."""
        if "_client" in self.__dict__:
            await self._client.aclose()
            del self._client

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        import httpx

        key = os.environ.get(KEY)
        headers = {"Authorization": f"Bearer {key}"} if key else None
        return httpx.AsyncClient(timeout=self.timeout, headers=headers, event_hooks=hooks())

    def _body(self, task: str, texts: tuple[str, ...]) -> dict[str, Any]:
        named = {"model": self.model} if self.model else {}
        if not self._pools:
            return {**named, "task": task, "steps": list(texts)}
        marked = "".join(text.replace(self.pooling.tag, "") + self.pooling.tag for text in texts)
        return {**named, "messages": [{"role": "user", "content": task}, {"role": "assistant", "content": marked}]}

    async def _posted(self, body: dict[str, Any], on_lost: Callable[[], None]) -> Any:
        failures = 0
        while True:
            try:
                answer = await within(self.timeout, self._client.post(self.url, json=body))
                answer.raise_for_status()
                return answer.json()
            except (ValueError, RecursionError) as error:  # no JSON, or nested without end
                on_lost()
                raise self._nonsense("its answer is no JSON") from error
            except Overlong as error:
                on_lost()
                raise self._nonsense(str(error)) from error
            except Elsewhere as error:
                raise ScorerUnavailable(
                    f"the step scorer {self.url} {error}; give that if it is the right one"
                ) from error
            except Exception as error:  # what is no failure of the endpoint surfaces
                failure = diagnose(error)
                if failure is None:
                    raise
                if may_have_worked(error):
                    on_lost()
                failures += 1
                delay = self.retry.delay(failures, failure.retry_after)
                if not failure.retryable or failures > self.retry.retries or delay > self.retry.longest_wait:
                    kind = ScorerUnavailable if failure.of_endpoint else StepRefused
                    raise kind(
                        f"the step scorer {self.url} failed after {failures} tries ({failure.detail}); {self.remedy}"
                    ) from error
                await asyncio.sleep(delay)

    def _scores(self, answer: Any, steps: int) -> list[float]:
        try:
            rows = answer["data"][0]["data"] if self._pools else answer["scores"]
            if not isinstance(rows, list):
                raise TypeError("they are no list")
            scores = [float(row[self.pooling.good] if isinstance(row, list) else row) for row in rows]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._nonsense(f"no scores are in it ({type(error).__name__}: {error})") from error
        if len(scores) != steps:
            hint = f"; is {self.pooling.tag!r} the tag of its steps?" if self._pools else ""
            raise self._nonsense(f"there are {len(scores)} scores for {steps} steps{hint}")
        wrong = [score for score in scores if not (math.isfinite(score) and 0 <= score <= 1)]
        if wrong:
            raise self._nonsense(f"a score is {wrong[0]}, not between 0 and 1")
        return scores

    def _nonsense(self, what: str) -> BadScores:
        return BadScores(f"the step scorer {self.url} gave no score for each step: {what}")


def _prompt_tokens(answer: Any) -> int:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    return token_count(usage.get("prompt_tokens")) or 0 if isinstance(usage, dict) else 0
