"""Concurrent writes of the LangGraph store: few transactions, and for each caller what it would get alone."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import traceback

import httpx
import pytest
from langgraph.store.base import GetOp, PutOp

from pilotage.memory.adapters.langgraph.group_commit import GroupCommit
from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import EmbedderError, InvalidItem, LedgerError, StoreClosed
from tests.servers import process_of
from tests.together import pool_of


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


class Provider(HashEmbedder):
    """Somebody's embedder, at a provider's that may be down; notes what it is asked."""

    def __init__(self, *refused):
        super().__init__()
        self.refused, self.asked, self.down = set(refused), [], None

    def embed(self, texts):
        self.asked.append(len(texts))
        if self.down is not None:
            raise self.down
        if self.refused & set(texts):
            raise EmbedderError("too long")
        return super().embed(texts)


def limited():
    """As httpx raises it: it cannot be copied, since its constructor takes what its arguments do not have."""
    request = httpx.Request("POST", "http://127.0.0.1/v1/embeddings")
    return httpx.HTTPStatusError("429", request=request, response=httpx.Response(429, request=request))


async def test_an_embedder_that_is_down_is_asked_a_few_times_and_its_error_stays_what_it_is(place):
    embedder = Provider()
    with PilotageStore.open(place, embedder=embedder, fields=["text"]) as store:
        await asyncio.gather(*(store.aput(("a",), f"old{n}", {"text": "t"}) for n in range(3)))
        embedder.down, embedder.asked = limited(), []
        outcomes = await asyncio.gather(
            *(store.aput(("a",), f"k{n}", {"text": f"t{n}"}) for n in range(100)), return_exceptions=True
        )
        assert {type(one) for one in outcomes} == {httpx.HTTPStatusError} and len(outcomes) == 100
        assert all(one.response.status_code == 429 for one in outcomes)
        assert len([*traceback.walk_tb(outcomes[-1].__traceback__)]) < 30  # not of all who were told
        assert len(embedder.asked) <= 6  # the first put may be alone in its group
        embedder.asked = []
        again = []  # transactions of their own: see above
        for n in range(40):
            again += [store.adelete(("a",), f"x{n}"), store.aput(("a",), f"x{n}", {"text": "t"})]
        free = [store.adelete(("a",), "old0"), store.aput(("a",), "no text", {}), store.aput(("a",), "old1", {}, False)]
        outcomes = await asyncio.gather(*again, *free, return_exceptions=True)
        assert [type(one) for one in outcomes] == [type(None), httpx.HTTPStatusError] * 40 + [type(None)] * 3
        assert len(embedder.asked) <= 6
        embedder.down = None
        await store.aput(("a",), "k", {"text": "t"})
        assert {item.key for item in await store.asearch(("a",))} == {"old1", "old2", "no text", "k"}


async def test_many_that_cannot_be_embedded_fail_alone_and_without_much_asking(place):
    refused = {f"t{n}" for n in (0, 1, 250, 499)}
    embedder = Provider(*refused)
    with PilotageStore.open(place, embedder=embedder, fields=["text"]) as store:
        puts = (store.aput(("a",), f"t{n}", {"text": f"t{n}"}) for n in range(500))
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        assert {f"t{n}" for n, one in enumerate(outcomes) if one is not None} == refused
        assert len(await store.asearch(("a",), limit=999)) == 496 and len(embedder.asked) < 150


async def test_an_embedder_that_stops_in_the_midst_leaves_what_was_committed(place):
    embedder = Provider("t1")
    with PilotageStore.open(place, embedder=embedder, fields=["text"]) as store:
        plain = store._table.write

        def write(*args):
            plain(*args)
            embedder.down = limited()  # after the first transaction

        store._table.write = write
        puts = (store.aput(("a",), f"t{n}", {"text": f"t{n}"}) for n in range(64))
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        written = {n for n, one in enumerate(outcomes) if one is None}
        assert written and {item.key for item in await store.asearch(("a",), limit=99)} == {f"t{n}" for n in written}
        assert {type(one) for one in outcomes} <= {type(None), EmbedderError, httpx.HTTPStatusError}
        assert len(embedder.asked) < 30


@pytest.mark.parametrize("error", [StopIteration("x"), asyncio.CancelledError("of the embedder's own")])
async def test_what_no_future_takes_is_told_too(place, error):
    embedder = Provider()
    with PilotageStore.open(place, embedder=embedder, fields=["text"]) as store:
        embedder.down = error
        puts = [store.aput(("a",), f"k{n}", {"text": "t"}) for n in range(5)]
        outcomes = await asyncio.gather(*puts, return_exceptions=True)
        told = [one.__cause__ if isinstance(one, RuntimeError) else one for one in outcomes]
        assert [type(one) for one in told] == [type(error)] * 5
        embedder.down = None
        await asyncio.gather(*(store.aput(("a",), f"k{n}", {"text": "t"}) for n in range(5)))


async def test_a_fault_of_its_own_is_told_to_all_who_wait():
    entered, go = threading.Event(), threading.Event()

    def commit(calls):
        entered.set()
        assert go.wait(120)
        return []  # of no call, though there is one

    together = GroupCommit(commit)
    waiting = [asyncio.ensure_future(together(0))]
    assert await asyncio.to_thread(entered.wait, 120)
    waiting.append(asyncio.ensure_future(together(1)))
    await asyncio.sleep(0)
    go.set()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [ValueError] * 2


async def test_one_whose_row_the_database_refuses_fails_alone(postgres_url):
    """PostgreSQL's index takes no row of over 2,704 bytes; the tenant's name is in it too."""
    drawn = random.Random(0)
    with PilotageStore.open(postgres_url, embedder=None, namespace=f"{drawn.getrandbits(6000):x}") as store:
        keys = [f"k{n}" for n in range(50)]
        keys[20] = f"{drawn.getrandbits(7600):x}"
        outcomes = await asyncio.gather(*(store.aput(("a",), key, {}) for key in keys), return_exceptions=True)
        assert [n for n, one in enumerate(outcomes) if one is not None] == [20]
        assert "index row" in str(outcomes[20]) and len(await store.asearch(("a",), limit=99)) == 49


async def test_a_place_that_not_every_database_takes_is_refused_and_can_be_deleted(store):
    for path, key in ((("a",), "k" * 2000), (("a" * 1000, "b" * 1000), "k"), (("a",), "ä" * 400)):
        with pytest.raises(InvalidItem, match="name the item by less"):
            await store.aput(path, key, {})
        await store.adelete(path, key)
    await store.aput(("a",), "k" * 1900, {})


async def test_what_fails_for_all_is_told_to_each_and_the_next_go_on(store):
    plain, cause = store._table.next_version, OSError(28, "No space left on device")

    def broken(connection):
        raise LedgerError("the disk is full") from cause

    store._table.next_version = broken
    outcomes = await asyncio.gather(*(store.aput(("a",), f"k{n}", {}) for n in range(5)), return_exceptions=True)
    assert [str(one) for one in outcomes] == ["the disk is full"] * 5
    assert all(one.__cause__ is cause for one in outcomes)
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

    with pool_of(4) as threads:
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
    with process_of(command, stdout=subprocess.PIPE, text=True) as process:
        told = [int(process.stdout.readline()) for _ in range(450)]
        os.kill(process.pid, signal.SIGKILL)
        told += [int(line) for line in process.stdout if line.endswith("\n")]
    with PilotageStore.open(tmp_path, embedder=None) as store:
        assert set(told) <= {item.value["n"] for item in store.search(("a",), limit=100_000)}
