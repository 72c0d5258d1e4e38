"""Redaction: credentials are taken out wherever they come from, and ordinary text stays."""

import base64
import json
import re
import sqlite3
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from pilotage.agent import ReasoningAgent, load_model
from pilotage.agent.errors import PilotageError, UsageError
from pilotage.agent.events import Token
from pilotage.agent.models import Message, ModelClient, Request, ResponseCache
from pilotage.agent.models.parsing.collector import Collector
from pilotage.common import redaction as redacting
from pilotage.common.redaction import SecretFilter, public_address, redact, redact_message, remember, remember_address

KEY = "sk-Zx81qTnotAWord"
ASKED = Request(messages=(Message(role="user", content="What is 6 times 7?"),), max_tokens=100)


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(redacting, "_known", set())
    for name in ("OPENAI_API_KEY", "LAB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def test_a_known_key_is_taken_out_of_any_text():
    remember(KEY)
    assert redact(f"Incorrect API key provided: {KEY}.") == "Incorrect API key provided: ***."


@pytest.mark.parametrize("around", ["f_{}", "x{}_y", "Bearer%20{}", "{}{}", "\\n{}"])
def test_a_key_is_taken_out_whatever_stands_around_it(around):
    remember(KEY)
    assert redact(around.format(KEY, KEY)) == around.format("***", "***")


@pytest.mark.parametrize("before", ["", ":", "u:", "Bearer ", "user:"])
def test_a_key_is_taken_out_of_base64_wherever_it_begins_there(before):
    remember(KEY)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(f"{before}{KEY} and more".encode()).decode()
        head, _, tail = redact(whole).partition("***")
        assert tail and len(whole) - len(head) - len(tail) >= len(KEY) * 8 // 6 - 2


TELLING = "sk-Zx81/qT+notA_Word="
ESCAPED = {
    "percent": re.sub("%..", lambda found: found[0].lower(), quote(TELLING, safe="")),
    "percent, in part": quote(TELLING),
    "percent, all of it": "".join(f"%{byte:02X}" for byte in TELLING.encode()),
    "percent, twice": quote(quote(TELLING, safe=""), safe=""),
    "json": "".join(f"\\u{ord(character):04x}" for character in TELLING),
    "json, its slashes": TELLING.replace("/", "\\/"),
    "html": TELLING.replace("/", "&#x2F;").replace("+", "&#43;"),
    "hexadecimal": TELLING.encode().hex(),
    "on two lines": f"{TELLING[:9]}\n    {TELLING[9:]}",
    "on two lines, in json": json.dumps(f"{TELLING[:9]}\r\n{TELLING[9:]}")[1:-1],
    "base64 on two lines": base64.encodebytes(f"{'x' * 51}{TELLING}{'y' * 30}".encode()).decode(),
}


@pytest.mark.parametrize("written", ESCAPED.values(), ids=ESCAPED)
def test_a_key_is_taken_out_however_it_is_escaped_also_in_pieces(written):
    remember(TELLING)
    text = f"100% sure, \\ & more:\n{written}\nand &amp; 5%2 the rest\\"
    told = redact(text)
    before, hidden, after = told.partition("***")
    assert hidden and len(before) + len(after) <= len(text) - len(TELLING)
    assert text.startswith(before) and text.endswith(after)
    for size in (1, 2, 7):
        shown = []
        veil = SecretFilter(shown.append)
        for at in range(0, len(text), size):
            veil(text[at : at + size])
        veil.end()
        assert "".join(shown) == told


def test_text_that_is_escaped_and_holds_no_key_stays_as_it_is():
    remember(TELLING)
    text = 'print("100%25\\n")\n&amp;lt;b&gt; \\u0041 %%41 C:\\new\\/x\n' * 50
    assert redact(text) == text


@pytest.mark.parametrize("key", ['p"a\\ss-w0rd', "clé-d'accès-1", "a b+c/d=1"])
def test_a_key_is_taken_out_of_json_and_of_forms(key):
    remember(key)
    for text in (json.dumps(key), json.dumps(key, ensure_ascii=False), quote_plus(key), quote(key, safe="")):
        assert redact(text).strip('"') == "***"


def test_keys_of_the_environment_are_known(monkeypatch):
    monkeypatch.setenv("LAB_PASSWORD", "correct-horse-7")
    monkeypatch.setenv("LAB_PROXY", "http://me:battery-8@proxy:3128")
    assert redact("it said correct-horse-7 and battery-8") == "it said *** and ***"


def test_folders_and_key_files_are_no_secrets(monkeypatch):
    monkeypatch.setenv("PWD", "/home/lab/project-1")
    monkeypatch.setenv("TLS_PRIVATE_KEY", "/etc/lab/tls-1.pem")
    assert redact("/home/lab/project-1 and /etc/lab/tls-1.pem") == "/home/lab/project-1 and /etc/lab/tls-1.pem"


@pytest.mark.parametrize("weak", ["x", "sk", "EMPTY", "none", "password", "not", "1", "12345", "a b"])
def test_a_key_that_is_an_ordinary_word_blanks_no_text(weak):
    remember(weak)
    text = f"{weak}: the box is EMPTY, none of the 12345 skis is, not a b password"
    assert redact(text) == text


@pytest.mark.parametrize("weak", ["x", "EMPTY", "password", "12345"])
def test_even_such_a_key_is_taken_out_behind_its_label(weak):
    remember(weak)
    assert redact(f"refused: Authorization: Bearer {weak}") == "refused: Authorization: Bearer ***"
    assert redact(f'{{"api_key": "{weak}"}}') == '{"api_key": "***"}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pass@host/v1", "http://***@host/v1"),
        ("http://user:p@ss@host:8000/v1 refused", "http://***@host:8000/v1 refused"),
        ("postgresql+psycopg://me:secret@/db?host=/tmp", "postgresql+psycopg://***@/db?host=/tmp"),
        ("https://h/v1?api_key=abc&model=m", "https://h/v1?api_key=***&model=m"),
        ("https://h/v1?model=m&access-token=abc#top", "https://h/v1?model=m&access-token=***#top"),
        ("https://h/v1?sortkeys=up&monkey=3", "https://h/v1?sortkeys=up&monkey=3"),
        ("write to me@host.org about http://host/a", "write to me@host.org about http://host/a"),
    ],
)
def test_addresses_lose_their_credentials_and_nothing_else(text, shown):
    assert public_address(text) == shown


def test_the_credentials_of_a_used_address_are_known_in_every_spelling():
    remember_address("https://lab:p%40ss-w0rd@host/v1?key=k3y-of-lab")
    for secret in ("p@ss-w0rd", "p%40ss-w0rd", "k3y-of-lab"):
        assert redact(f"<{secret}>") == "<***>"
    basic = base64.b64encode(b"lab:p@ss-w0rd").decode()
    assert redact(f"Authorization: Basic {basic}") == "Authorization: Basic ***"


def test_an_answer_that_holds_somebody_elses_address_stays_as_it_is():
    answer = "requests.get('https://user:pass@example.com/?token=abc')"
    assert redact(answer) == answer
    assert redact_message(answer) != answer


def test_every_error_tells_no_credentials():
    remember(KEY)
    assert KEY not in str(PilotageError(f"the server said {KEY}"))
    assert "pass" not in str(UsageError("http://user:pass@host is no address"))


async def test_a_server_that_echoes_the_key_gets_it_into_no_reply_checkpoint_or_result(endpoint, tmp_path):
    endpoint.plan = [endpoint.ok(f"Your key is {KEY}.\nAnswer: 42")]
    address = endpoint.url.replace("http://", "http://lab:hunter-22@")
    model = load_model("m", base_url=address, api_key=KEY)
    kept = tmp_path / "checkpoints.sqlite"
    async with ReasoningAgent(model, policy="fixed:reason", sandbox="none", checkpoints=kept) as agent:
        run = await agent.asolve("What is 6 times 7?", thread_id="t")
    assert run.answer == "42"
    written = json.dumps(run.to_json()) + model.name + model.where + model.identity
    with sqlite3.connect(kept) as database:
        written += "\n".join(database.iterdump())
    everything = written.encode() + kept.read_bytes()
    for secret in (KEY, "hunter-22"):
        assert secret.encode() not in everything and secret.encode().hex().upper().encode() not in everything


async def test_a_server_that_refuses_with_the_key_in_its_message_is_quoted_without(endpoint):
    endpoint.plan = [endpoint.status(401, f"Incorrect API key provided: {KEY}")]
    model = load_model("m", base_url=endpoint.url.replace("http://", "http://lab:hunter-22@"), api_key=KEY, retries=0)
    async with ReasoningAgent(model, policy="fixed:reason", sandbox="none") as agent:
        with pytest.raises(PilotageError) as refused:
            await agent.asolve("What is 6 times 7?")
    assert "Incorrect API key provided: ***" in str(refused.value)
    assert "hunter-22" not in str(refused.value)


@pytest.mark.parametrize("padding", range(150, 330, 7))
async def test_a_key_where_a_message_is_cut_is_taken_out_before(endpoint, padding):
    endpoint.plan = [endpoint.status(401, "p" * padding + KEY)]
    client = load_model("m", base_url=endpoint.url, api_key=KEY, retries=0)
    with pytest.raises(PilotageError) as refused:
        await client.ask(ASKED)
    assert KEY[:5] not in str(refused.value)


def test_what_a_flaw_quotes_is_cut_after_the_key_is_taken_out():
    remember(KEY)
    for padding in range(180, 202):
        collector = Collector(ASKED)
        collector.refusal = "r" * padding + KEY
        assert KEY[:5] not in collector.why_unusable(collector.reply("m", 0.0)).what
        collector = Collector(ASKED)
        collector.tool = "f" * padding + KEY
        assert KEY[:5] not in collector.why_unusable(collector.reply("m", 0.0)).what


async def test_a_key_that_is_echoed_in_thinking_is_not_kept(endpoint, tmp_path):
    endpoint.plan = [endpoint.ok(f"<think>the key is {KEY}</think>Answer: 42")]
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        reply = await load_model("m", base_url=endpoint.url, api_key=KEY, cache=cache).ask(ASKED)
    assert reply.thinking == "the key is ***"
    assert KEY.encode() not in (tmp_path / "c.sqlite").read_bytes()


def _key():
    return KEY


async def _key_later():
    return KEY


@pytest.mark.parametrize(
    "made",
    [
        lambda **where: ChatOpenAI(api_key="none", default_headers={"Authorization": f"Bearer {KEY}"}, **where),
        lambda **where: ChatOpenAI(api_key="none", default_headers={"X-Lab-Key": KEY}, **where),
        lambda **where: ChatOpenAI(api_key="none", **where).bind(extra_headers={"Authorization": f"Bearer {KEY}"}),
        lambda **where: ChatOpenAI(api_key="none", model_kwargs={"extra_headers": {"api-key": KEY}}, **where),
        lambda **where: ChatOpenAI(api_key=_key, **where),
        lambda **where: ChatOpenAI(api_key=_key_later, **where),
    ],
)
async def test_a_key_is_known_however_a_users_own_model_sends_it(endpoint, made):
    endpoint.plan = [endpoint.ok(f"You sent {KEY}.")] * 2
    client = ModelClient(made(model="m", base_url=endpoint.url))
    shown = []
    replies = [await client.ask(ASKED), await client.ask(ASKED, shown.append)]
    assert [reply.text for reply in replies] == ["You sent ***."] * 2
    assert "".join(shown) == "You sent ***."


@given(st.data())
def test_text_that_comes_in_pieces_shows_no_key_and_nothing_less(data):
    remember(KEY)
    text = f"skip sk-Z {KEY}, and sk-Zx81 at the end {KEY[:9]}"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    shown = []
    veil = SecretFilter(shown.append)
    for begin, end in pairwise([0, *cuts, len(text)]):
        veil(text[begin:end])
    veil.end()
    assert "".join(shown) == text.replace(KEY, "***")


async def test_a_key_that_is_echoed_token_by_token_is_not_shown(endpoint):
    endpoint.plan = [endpoint.ok("|".join(["Your ", "key is ", *KEY, ".\nAnswer: 42"]))]
    shown = []
    async with ReasoningAgent(
        load_model("m", base_url=endpoint.url, api_key=KEY), policy="fixed:reason", sandbox="none"
    ) as agent:
        async for event in agent.astream("What is 6 times 7?"):
            shown += [event.text] if isinstance(event, Token) else []
    assert "".join(shown).startswith("Your key is ***.")


def test_the_keys_of_a_users_own_model_object_are_known():
    ModelClient(ChatOpenAI(model="m", api_key=SecretStr(KEY), base_url="http://lab:hunter-22@host/v1"))
    assert redact(f"{KEY} of hunter-22") == "*** of ***"


def test_what_is_no_address_has_no_credentials():
    remember_address("http://[::1")
    assert redact("http://[::1") == "http://[::1"
