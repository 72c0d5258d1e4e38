"""Concurrent writes of the LangGraph store: few transactions, and for each caller what it would get alone."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from langgraph.store.base import GetOp, PutOp

from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderError, InvalidItem, LedgerError, StoreClosed


@pytest.fixture
def store(place):
    with PilotageStore.open(place, embedder="hash", fields=["text"]) as store:
        yield store


def transactions(store):
    """Counts the writing transactions from now on that change items."""
    seen, plain = [], store._table.next_version

    def counted(connection):
        seen.append(1)
        return plain(connection)

    store._table.next_version = counted
    return seen


async def test_a_thousand_puts_at_once_are_a_few_transactions(store):
    seen = transactions(store)
    await asyncio.gather(*(store.aput(("a", str(n % 7)), f"k{n}", {"text": f"t{n}", "n": n}) for n in range(1000)))
    assert 1 <= len(seen) <= 5
    found = await store.asearch(("a",), limit=2000)
    assert {item.key: item.value["n"] for item in found} == {f"k{n}": n for n in range(1000)}
    (best, *_) = await store.asearch(("a",), query="t77", limit=1)
    assert best.key == "k77" and best.score is not None


async def test_what_is_acknowledged_is_there_for_everybody_else(place, store):
    with PilotageStore.open(place, embedder=None) as other:

        async def put(n):
            await store.aput(("a",), f"k{n}", {"n": n})
            assert (await asyncio.to_thread(other.get, ("a",), f"k{n}")).value == {"n": n}

        await asyncio.gather(*map(put, range(40)))


async def test_of_writes_to_one_key_the_last_called_counts(store):
    rounds = [store.aput(("a",), f"k{n % 5}", {"n": n}) for n in range(200)]
    await asyncio.gather(*rounds)
    assert [(await store.aget(("a",), f"k{k}")).value["n"] for k in range(5)] == [195, 196, 197, 198, 199]
    await asyncio.gather(store.aput(("a",), "k0", {"n": 7}), store.adelete(("a",), "k0"))
    assert await store.aget(("a",), "k0") is None


async def test_a_key_that_is_put_after_it_was_deleted_is_a_new_item(store):
    await store.aput(("a",), "k", {"n": 1})
    first = await store.aget(("a",), "k")
    await asyncio.gather(store.adelete(("a",), "k"), store.aput(("a",), "k", {"n": 2}))
    again = await store.aget(("a",), "k")
    assert again.value == {"n": 2} and again.created_at > first.created_at
    await asyncio.gather(store.aput(("a",), "k", {"n": 3}), store.aput(("a",), "l", {"n": 3}))
    assert (await store.aget(("a",), "k")).created_at == again.created_at  # an overwrite is none


async def test_one_that_cannot_be_written_fails_alone(store):
    bad = [("set", {"n": {1}}), ("inf", {"n": float("inf")}), ("many", {"n": 10**5000})]
    puts = [store.aput(("a",), f"k{n}", {"n": n}) for n in range(20)]
    puts[5:5] = [store.aput(("a",), name, value) for name, value in bad]
    outcomes = await asyncio.gather(*puts, store.aput(("a",), "late", {}, ttl=-1), return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [InvalidItem] * 4
    assert len(await store.asearch(("a",), limit=99)) == 20
    assert all("'set'" in str(one) for one in outcomes[5:6])


async def test_one_whose_text_cannot_be_embedded_fails_alone(place):
    class Picky(HashEmbedder):
        def embed(self, texts):
            if "bad" in texts:
                raise EmbedderError("no")
            return super().embed(texts)

    with PilotageStore.open(place, embedder=Picky(), fields=["text"]) as store:
        texts = [*(f"t{n}" for n in range(9)), "bad"]
        puts = (store.aput(("a",), text, {"text": text}) for text in texts)
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        assert [type(one) for one in outcomes if one is not None] == [EmbedderError] and outcomes[-1] is not None
        assert len(await store.asearch(("a",), limit=99)) == 9


async def test_one_that_is_cancelled_while_it_waits_is_not_written_and_holds_nobody_up(store):
    entered, go, plain = threading.Event(), threading.Event(), store._table.next_version

    def held(connection):
        entered.set()
        assert go.wait(120)
        return plain(connection)

    store._table.next_version = held
    first = asyncio.ensure_future(store.aput(("a",), "first", {}))
    assert await asyncio.to_thread(entered.wait, 120)
    others = [asyncio.ensure_future(store.aput(("a",), f"k{n}", {})) for n in range(3)]
    await asyncio.sleep(0)
    others[1].cancel()
    first.cancel()  # it is being written: that goes on
    go.set()
    outcomes = await asyncio.gather(first, *others, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in outcomes] == [True, False, True, False]
    assert {item.key for item in await store.asearch(("a",))} == {"first", "k0", "k2"}


async def test_what_fails_for_all_is_told_to_each_and_the_next_go_on(store):
    plain = store._table.next_version

    def broken(connection):
        raise LedgerError("the disk is full")

    store._table.next_version = broken
    outcomes = await asyncio.gather(*(store.aput(("a",), f"k{n}", {}) for n in range(5)), return_exceptions=True)
    assert [str(one) for one in outcomes] == ["the disk is full"] * 5 and len({id(one) for one in outcomes}) == 5
    store._table.next_version = plain
    await store.aput(("a",), "k", {})
    assert [item.key for item in await store.asearch(("a",))] == ["k"]


async def test_calls_that_read_too_are_on_their_own(store):
    await store.aput(("a",), "k", {"n": 1})
    ops = [PutOp(("a",), "k", {"n": 2}), GetOp(("a",), "k")]
    (none, read), _ = await asyncio.gather(store.abatch(ops), store.aput(("b",), "k", {}))
    assert none is None and read.value == {"n": 1}
    assert (await store.aget(("a",), "k")).value == {"n": 2}
    assert await store.abatch([]) == []


def test_several_event_loops_write_through_one_store(store):
    async def put(loop):
        await asyncio.gather(*(store.aput(("a",), f"{loop}-{n}", {"n": n}) for n in range(50)))

    with ThreadPoolExecutor(4) as threads:
        for one in [threads.submit(asyncio.run, put(loop)) for loop in range(4)]:
            one.result(300)
    assert len(store.search(("a",), limit=999)) == 200


def test_a_loop_that_ends_leaves_nobody_waiting(store):
    async def leave():
        for n in range(10):
            asyncio.ensure_future(store.aput(("a",), f"k{n}", {}))
        await asyncio.sleep(0)

    asyncio.run(leave())
    asyncio.run(store.aput(("a",), "after", {}))
    assert store.get(("a",), "after") is not None


async def test_a_closed_store_says_so(place):
    store = PilotageStore.open(place, embedder=None)
    store.close()
    for one in await asyncio.gather(*(store.aput(("a",), f"k{n}", {}) for n in range(3)), return_exceptions=True):
        assert isinstance(one, StoreClosed)


KILLED = """
import asyncio, sys
from pilotage.memory.adapters.langgraph.store import PilotageStore

async def main():
    store = PilotageStore.open(sys.argv[1], embedder=None)
    async def put(n):
        await store.aput(("a",), f"k{n}", {"n": n})
        print(n, flush=True)
    for start in range(0, 100_000, 200):
        await asyncio.gather(*(put(start + n) for n in range(200)))

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        told = [int(process.stdout.readline()) for _ in range(450)]
        os.kill(process.pid, signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    with PilotageStore.open(tmp_path, embedder=None) as store:
        assert set(told) <= {item.value["n"] for item in store.search(("a",), limit=100_000)}
