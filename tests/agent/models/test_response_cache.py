"""ResponseCache: free reruns, single flight, shared files, and survival of kill -9 and of damage."""

import asyncio
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from pilotage.agent.errors import BadReply, UsageError
from pilotage.agent.models import (
    Capabilities,
    ModelClient,
    Reply,
    ResponseCache,
    RetryPolicy,
    ScriptedChatModel,
    UnusableReply,
)
from pilotage.agent.models.cache import CACHE_FORMAT
from pilotage.agent.models.factory import load_model
from pilotage.agent.models.reply import LimitUsedUp
from pilotage.agent.trace import Usage


@pytest.fixture
def cache(tmp_path):
    with ResponseCache(tmp_path / "deep" / "responses.sqlite") as cache:
        yield cache


async def test_a_repeat_is_free_and_keeps_its_cost_and_its_signals(cache, ask_for):
    script = ScriptedChatModel(["a b c"])
    request = ask_for(logprobs=True)
    first = await ModelClient(script, cache=cache).ask(request)
    shown: list[str] = []
    again = await ModelClient(script, cache=cache).ask(request, shown.append)
    assert len(script.calls) == 1
    assert (first.replayed, again.replayed) == (False, True)
    assert again.usage == first.usage.model_copy(update={"replayed_calls": 1})
    assert again.usage.seconds == first.usage.seconds > 0
    assert (again.text, again.logprobs, shown) == (first.text, first.logprobs, ["a b c"])


DIFFERENT = [
    {"max_tokens": 17},
    {"temperature": 0.5},
    {"stop": ("x",)},
    {"json_schema": {"type": "object"}},
    {"grammar": "root ::= [0-3]"},
    {"logprobs": True},
    {"seed": 2},
    {"sample": 1},
    {"text": "Another question"},
]


@pytest.mark.parametrize("change", DIFFERENT, ids=lambda change: next(iter(change)))
async def test_whatever_may_change_the_answer_is_a_call_of_its_own(cache, ask_for, change):
    script = ScriptedChatModel(["first", "second"])
    client = ModelClient(script, cache=cache)
    await client.ask(ask_for())
    assert (await client.ask(ask_for(**change))).text == "second"


async def test_models_do_not_share_answers(cache, ask_for):
    one = ModelClient(ScriptedChatModel(["one"]), cache=cache, identity="one")
    two = ModelClient(ScriptedChatModel(["two"]), cache=cache, identity="two")
    assert [(await client.ask(ask_for())).text for client in (one, two)] == ["one", "two"]


async def test_equal_calls_in_flight_become_one(cache, ask_for):
    script = ScriptedChatModel(["only"], latency=0.1)
    client = ModelClient(script, cache=cache)
    replies = await asyncio.gather(*(client.ask(ask_for()) for _ in range(20)))
    assert len(script.calls) == 1
    assert sorted(reply.replayed for reply in replies) == [False] + [True] * 19


async def test_when_the_caller_is_cancelled_another_one_calls(cache, ask_for):
    script = ScriptedChatModel(["lost", "kept"], latency=0.1)
    client = ModelClient(script, cache=cache)
    calls = [asyncio.create_task(client.ask(ask_for())) for _ in range(3)]
    await asyncio.sleep(0.05)
    calls[0].cancel()
    calls[2].cancel()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(reply, asyncio.CancelledError) for reply in replies] == [True, False, True]
    assert replies[1].text == "kept"


async def test_a_failed_call_fails_for_all_who_wait_is_charged_once_and_is_not_kept(cache, ask_for):
    script = ScriptedChatModel(["", "", "good"], latency=0.05)
    client = ModelClient(script, cache=cache, retry=RetryPolicy(first_delay=0.01))
    failures = await asyncio.gather(*(client.ask(ask_for()) for _ in range(4)), return_exceptions=True)
    assert all(isinstance(failure, UnusableReply | BadReply) for failure in failures)
    assert sum(failure.usage.llm_calls for failure in failures) == script.counted.llm_calls == 2
    assert (await client.ask(ask_for())).text == "good"


async def test_whoever_waits_for_a_reply_that_thought_its_limit_away_is_told_as_much(cache, endpoint, ask_for):
    def thinks(handler, body):
        time.sleep(0.3)
        endpoint.ok("", finish="length")(handler, body)

    endpoint.plan = [thinks]
    client = load_model("m", base_url=endpoint.url, cache=cache)
    outcomes = await asyncio.gather(*(client.ask(ask_for()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LimitUsedUp] * 3
    assert len(endpoint.bodies) == 1
    assert sum(outcome.usage.llm_calls for outcome in outcomes) == 1


def test_event_loops_in_threads_share_one_cache(cache, ask_for):
    script = ScriptedChatModel(lambda messages: "same", latency=0.1)
    client = ModelClient(script, cache=cache)
    texts: list[str] = []

    def run() -> None:
        texts.append(asyncio.run(client.ask(ask_for())).text)

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["same"] * 5
    assert len(script.calls) == 1


WRITER = """
import asyncio, sys
from pilotage.agent.models import Message, ModelClient, Request, ResponseCache, ScriptedChatModel

async def main(path, first, last):
    client = ModelClient(ScriptedChatModel(lambda messages: "by " + first), cache=ResponseCache(path))
    for number in range(int(first), int(last)):
        message = Message(role="user", content=f"question {number}")
        await client.ask(Request(messages=(message,), max_tokens=9))
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def writer(path, first: int, last: int) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_what_was_answered_survives_kill_9(cache, ask_for):
    process = writer(cache.path, 0, 1_000_000)
    answered = [int(process.stdout.readline()) for _ in range(25)]
    process.send_signal(signal.SIGKILL)
    answered += [int(line) for line in process.stdout.read().splitlines()]
    process.wait()
    process.stdout.close()
    for number in answered:
        key = cache.key("scripted", ask_for(f"question {number}", max_tokens=9, seed=0))
        assert cache.get(key) is not None, f"call {number} was answered and is lost"
    assert len(answered) <= cache.stats().entries <= len(answered) + 1


def test_processes_share_the_file(cache):
    processes = [writer(cache.path, start, start + 60) for start in (0, 30, 60)]
    for process in processes:
        process.communicate(timeout=300)
        assert process.returncode == 0
    assert cache.stats().entries == 120


def test_stats_and_clear(cache, ask_for):
    asyncio.run(ModelClient(ScriptedChatModel(["x"]), cache=cache).ask(ask_for()))
    assert cache.stats().entries == 1
    assert cache.stats().file_bytes > 0
    assert cache.clear() == 1
    assert cache.stats().entries == 0


async def test_a_file_that_is_no_cache_is_named_and_left_alone(tmp_path, ask_for):
    path = tmp_path / "notes.txt"
    path.write_text("precious notes\n" * 100)
    client = ModelClient(ScriptedChatModel(["x"]), cache=ResponseCache(path))
    with pytest.raises(UsageError, match=r"notes\.txt is corrupt .*delete it"):
        await client.ask(ask_for())
    assert path.read_text() == "precious notes\n" * 100


async def test_a_damaged_cache_is_named(cache, ask_for):
    client = ModelClient(ScriptedChatModel(lambda messages: "word " * 300), cache=cache)
    for number in range(20):
        await client.ask(ask_for(f"question {number}", max_tokens=400))
    cache.close()
    size = cache.path.stat().st_size
    with cache.path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(UsageError, match="responses.sqlite is corrupt"):
        for number in range(20):
            await client.ask(ask_for(f"question {number}", max_tokens=400))


GOOD = json.loads(Reply(text="old", usage=Usage(llm_calls=1), finish_reason="stop", model="m").model_dump_json())


def changed(**fields) -> str:
    return json.dumps(GOOD | fields)


BAD_ROWS = {
    "null log-probability": changed(logprobs=[{"token": "x", "logprob": None, "top": []}]),
    "infinite log-probability": changed(logprobs=[{"token": "x", "logprob": -math.inf, "top": []}]),
    "null alternative": changed(logprobs=[{"token": "x", "logprob": -0.5, "top": [["y", None]]}]),
    "negative usage": changed(usage={"prompt_tokens": -5}),
    "infinite seconds": changed(usage={"seconds": math.inf}),
    "filtered": changed(finish_reason="content_filter"),
    "tool call": changed(finish_reason="tool_calls"),
    "unfinished": changed(finish_reason="unfinished"),
    "empty text": changed(text=" "),
    "no text": changed(text=None),
    "nested": "[" * 100_000,
    "half": json.dumps(GOOD)[:30],
    "nothing": "",
    "null": "null",
    "number": 5,
    "blob": b"\xff\xfe\x00",
    "halves of characters": '{"text": "\\ud83d", "usage": {}, "finish_reason": "stop", "model": "m"}',
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
async def test_a_row_that_is_no_usable_reply_is_a_miss_and_is_replaced(cache, ask_for, row):
    client = ModelClient(ScriptedChatModel(["fresh"]), cache=cache)
    await client.ask(ask_for())
    key = cache.key("scripted", ask_for())
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE responses SET reply = ? WHERE key = ?", (row, key))
    connection.close()
    client = ModelClient(ScriptedChatModel(["replaced"]), cache=cache)
    first, second = await client.ask(ask_for()), await client.ask(ask_for())
    assert (first.text, first.replayed) == ("replaced", False)
    assert (second.text, second.replayed) == ("replaced", True)


@pytest.mark.parametrize(
    ("reason", "cut"), [("stop", False), ("end_turn", False), ("eos", False), ("MAX_TOKENS", True)]
)
async def test_rows_of_older_versions_are_read(cache, ask_for, reason, cut):
    await ModelClient(ScriptedChatModel(["fresh"]), cache=cache).ask(ask_for())
    old = changed(finish_reason=reason, estimated=True)
    with sqlite3.connect(cache.path) as connection:
        connection.execute("UPDATE responses SET reply = ?", (old,))
    connection.close()
    reply = cache.get(cache.key("scripted", ask_for()))
    assert (reply.text, reply.cut, reply.usage.estimated_calls) == ("old", cut, 1)


async def test_a_usable_row_stays_when_another_process_was_slower(cache, ask_for):
    key = cache.key("scripted", ask_for())
    for text in ("first", "second"):
        cache.put(key, Reply(text=text, usage=Usage(), finish_reason="stop", model="m"))
    assert cache.get(key).text == "first"


async def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, ask_for):
    (tmp_path / "file").write_text("")
    client = ModelClient(ScriptedChatModel(["x"]), cache=ResponseCache(tmp_path / "file" / "cache.sqlite"))
    with pytest.raises(UsageError, match="cannot be used.*writable"):
        await client.ask(ask_for())


CROWDED = """
import os, resource, sys
from pilotage.agent.errors import UsageError
from pilotage.agent.models import ResponseCache

with ResponseCache(sys.argv[1]) as cache:
    cache.stats()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    os.close(held.pop())
try:
    cache.stats()
except UsageError as error:
    print(error)
"""


def test_a_process_that_may_open_no_more_files_is_told_so(tmp_path):
    command = [sys.executable, "-c", CROWDED, str(tmp_path / "cache.sqlite")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "ulimit -n" in said and "disk" not in said


def test_a_cache_that_another_process_keeps_locked_says_so(cache, monkeypatch):
    monkeypatch.setattr("pilotage.agent.models.cache.BUSY_SECONDS", 0.1)
    cache.stats()
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        cache.close()
        with pytest.raises(UsageError, match="locked.* wait for it, or end it"):
            cache.clear()
        other.execute("ROLLBACK")
    assert cache.clear() == 0


@pytest.mark.parametrize("table", ["responses (question TEXT)", "users (name TEXT)"])
def test_a_database_that_is_no_cache_is_named_and_left_alone(tmp_path, table):
    path = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(path)) as mine:
        mine.execute(f"CREATE TABLE {table}")
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"mine\.sqlite .*some other database"):
        ResponseCache(path).stats()
    assert path.read_bytes() == before


def test_a_file_that_vanished_is_one_sentence(cache):
    cache.stats()
    cache.path.unlink()
    with pytest.raises(UsageError, match="cannot be used"):
        cache.stats()


async def test_a_cache_of_a_newer_version_is_refused(cache, ask_for):
    cache.path.parent.mkdir()
    connection = sqlite3.connect(cache.path)
    connection.execute(f"PRAGMA user_version = {CACHE_FORMAT + 1}")
    connection.close()
    with pytest.raises(UsageError, match="newer pilotage"):
        await ModelClient(ScriptedChatModel(["x"]), cache=cache).ask(ask_for())


async def test_degraded_features_do_not_change_the_key(cache, ask_for):
    script = ScriptedChatModel(["plain"], capabilities=Capabilities())
    client = ModelClient(script, cache=cache)
    assert (await client.ask(ask_for(logprobs=True))).logprobs is None
    assert (await client.ask(ask_for(logprobs=True))).replayed
