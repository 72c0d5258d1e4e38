"""No limit on time depends on how an endpoint or a model behaves: the caller leaves when it is time, whatever comes."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI

from pilotage.agent.budget import Budget, Meter
from pilotage.agent.errors import BudgetExceeded, ModelUnavailable
from pilotage.agent.kit import Kit
from pilotage.agent.models import Message, ModelClient, RetryPolicy, load_model
from pilotage.agent.models.transport.deadline import CancelledFromWithin, within
from tests.agent.models.conftest import line

ONCE = RetryPolicy(retries=0)
LONG = 60.0
"""What a call that ignores its limit would take; far above anything that a busy machine adds."""
SOON = 15.0


def client_of(endpoint, **settings) -> ModelClient:
    client = load_model("m", base_url=endpoint.url, **settings)
    client.retry = ONCE
    return client


def own_object(endpoint) -> ModelClient:
    """A user's own `ChatOpenAI`, whose wait for a chunk loses cancellations on Python 3.11."""
    return ModelClient(ChatOpenAI(model="m", base_url=endpoint.url, api_key="none", max_retries=0), retry=ONCE)


def trickle(endpoint, pause: float):
    return endpoint.endless(line("x"), pause)


@pytest.mark.parametrize("make", [client_of, own_object])
@pytest.mark.parametrize("milliseconds", [1, 5, 20])
async def test_a_stream_ends_when_its_time_is_up(endpoint, ask_for, make, milliseconds):
    endpoint.plan = [trickle(endpoint, milliseconds / 1000)]
    client = make(endpoint)
    for _ in range(4):
        endpoint.left.clear()
        client.timeout, before = 0.3, len(endpoint.bodies)
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match=r"no answer within 0\.3 seconds"):
            await client.ask(ask_for(max_tokens=100_000), lambda text: None)
        assert time.monotonic() - started < SOON
        if len(endpoint.bodies) > before:  # on a busy machine the time may be up before anything is sent
            assert await asyncio.to_thread(endpoint.left.wait, SOON), "the connection was left open"


@pytest.mark.parametrize("make", [client_of, own_object])
async def test_a_cancelled_stream_stops_at_once_and_shows_nothing_more(endpoint, ask_for, make):
    endpoint.plan = [trickle(endpoint, 0.005)]
    shown: list[str] = []
    call = asyncio.create_task(make(endpoint).ask(ask_for(max_tokens=100_000), shown.append))
    while not shown:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, SOON)
    seen = len(shown)
    assert await asyncio.to_thread(endpoint.left.wait, SOON)
    assert len(shown) == seen


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("how", ["silence", "body", "comments", "headers"])
async def test_silence_and_trickles_end_when_their_time_is_up(endpoint, ask_for, how, streaming):
    def headers(handler, body) -> None:
        with pytest.raises(ConnectionError):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                handler.wfile.write(b"X: y\r\n")
                time.sleep(0.01)

    plan = {
        "silence": endpoint.slow(2),
        "body": endpoint.endless(b" ", 0.01, kind="application/json"),
        "comments": endpoint.endless(b": still here\n\n", 0.01),
        "headers": headers,
    }
    endpoint.plan = [plan[how]]
    started = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await client_of(endpoint, timeout=0.3).ask(ask_for(), (lambda text: None) if streaming else None)
    assert time.monotonic() - started < SOON


async def test_a_budget_of_seconds_holds_while_an_endpoint_streams(endpoint):
    endpoint.plan = [trickle(endpoint, 0.005)]
    kit = Kit(own_object(endpoint), Meter(Budget(max_seconds=0.4)), on_token=lambda text: None)
    started = time.monotonic()
    with pytest.raises(BudgetExceeded):
        await kit.send((Message(role="user", content="go"),), max_tokens=5000)
    assert time.monotonic() - started < SOON
    assert kit.usage.llm_calls == kit.usage.estimated_calls == 1


@pytest.mark.parametrize("milliseconds", [1, 20])
def test_the_first_interrupt_ends_the_command_while_an_endpoint_streams(endpoint, tmp_path, milliseconds):
    endpoint.plan = [trickle(endpoint, milliseconds / 1000)]
    places = {"PILOTAGE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [str(Path(sys.executable).with_name("pilotage")), "solve", "What is 6*7?", "--model", "m"]
    command += ["--base-url", endpoint.url, "--memory", "none", "--policy", "fixed:reason,answer"]
    command += ["--max-tokens", "1000000"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env={**os.environ, **places}, **quiet)
    try:
        while endpoint.sent < 10 * len(line("x")) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 130
    finally:
        process.kill()
        process.wait()


class Stubborn(BaseChatModel):
    """A user's own model that swallows so many cancellations."""

    swallows: int = 5

    @property
    def _llm_type(self) -> str:
        return "stubborn"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        for _ in range(self.swallows):
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                continue
        await asyncio.sleep(LONG)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("late"))])


def test_a_model_that_swallows_cancellations_is_left_and_ended(ask_for):
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match="no answer within"):
        asyncio.run(ModelClient(Stubborn(), retry=ONCE, timeout=0.2).ask(ask_for()))
    assert time.monotonic() - started < SOON


class Sleeper(BaseChatModel):
    """A user's own model without asynchronous methods: it runs in a thread, which nothing can stop."""

    woken: threading.Event

    @property
    def _llm_type(self) -> str:
        return "sleeper"

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        self.woken.wait(LONG)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("late"))])


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_model_in_a_thread_is_left_when_its_time_is_up(ask_for, streaming):
    model = Sleeper.model_construct(woken=threading.Event())
    started = time.monotonic()
    try:
        with pytest.raises(ModelUnavailable, match="no answer within"):
            client = ModelClient(model, retry=ONCE, timeout=0.2)
            await client.ask(ask_for(), (lambda text: None) if streaming else None)
        assert time.monotonic() - started < SOON
    finally:
        model.woken.set()


async def test_work_that_cancels_itself_is_no_cancellation_of_the_caller():
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledFromWithin):
        await within(None, work())


async def test_work_in_time_gives_what_it_returns_or_raises():
    async def work(fail: bool) -> int:
        await asyncio.sleep(0)
        return 1 // (not fail)

    assert await within(LONG, work(False)) == 1
    with pytest.raises(ZeroDivisionError):
        await within(LONG, work(True))
