"""How upstreams are configured: what cannot hold is refused before the server starts."""

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.models.prices import Price, price_file
from pilotage.agent.serve.config import serve_config
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.upstreams.circuit import Circuit
from pilotage.agent.serve.upstreams.upstream import Upstream, line
from pilotage.agent.settings import settings_from
from pilotage.agent.trace import Usage
from tests.agent.serve.test_limits import Clock

AT = 'base_url = "http://127.0.0.1:1/v1"'


@pytest.fixture
def configured(tmp_path):
    def read(text, **settings):
        file = tmp_path / "serve.toml"
        file.write_text(text, encoding="utf-8")
        config = serve_config(file, {})
        return Service(settings_from({"model": "scripted:no", "memory": "none"} | settings), config)

    return read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[upstreams.a]\nmodel = "m"\nfallback = ["a"]', "round in a circle: a → a"),
        (
            '[upstreams.a]\nmodel = "m"\nfallback = ["b"]\n[upstreams.b]\nmodel = "m"\nfallback = ["c"]\n'
            '[upstreams.c]\nmodel = "m"\nfallback = ["b"]',
            "round in a circle: b → c → b",
        ),
        ('[upstreams.default]\nfallback = ["a"]\n[upstreams.a]\nmodel = "m"\nfallback = ["default"]', "in a circle"),
        (
            '[upstreams.a]\nmodel = "m"\nfallback = ["b"]',
            "the fallback 'b' of 'a' names no upstream; there are default, a",
        ),
        (f"[upstreams.a]\n{AT}", "the upstream 'a' names no model"),
        ('embeddings = "a"', "`embeddings` names no upstream"),
        ('[upstreams.a]\nmodel = "m"\nrequests_per_minute = 0', "upstreams.a.requests_per_minute"),
        ('[upstreams.a]\nmodel = "m"\ntimeout = 0', "upstreams.a.timeout"),
        ('[upstreams.a]\nmodel = "m"\nprice = {input = 1}', "upstreams.a.price.output"),
        ('[upstreams.a]\nmodel = "m"\nprice = {input = -1, output = 1}', "upstreams.a.price.input"),
        ('[upstreams.a]\nmodel = "m"\nfallbacks = ["b"]', "upstreams.a.fallbacks"),
        *[(f"{name} = inf", f"`{name}`") for name in ("notice_seconds", "drain_seconds", "keep_alive", "keep_days")],
        ('[upstreams.a]\nmodel = "m"\ntimeout = inf', "upstreams.a.timeout"),
        ('cors = ["*"]', "set keys = true"),
    ],
)
def test_what_cannot_hold_is_refused(configured, text, said):
    with pytest.raises(UsageError, match="the server's configuration") as refused:
        configured(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("[m\n", "cannot be read"),
        ("m = 1", "'m' in the prices"),
        ("[m]\ninput = 1", "`output` of 'm' in the prices"),
        ("[m]\ninput = nan\noutput = 1", "`input` of 'm' in the prices"),
    ],
)
def test_a_price_file_that_is_none_is_refused(tmp_path, configured, text, said):
    file = tmp_path / "prices.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        configured(f'prices = "{file}"')
    assert said in str(refused.value)


def test_prices_are_of_the_model_and_an_upstreams_own_goes_first(tmp_path, configured):
    file = tmp_path / "prices.toml"
    file.write_text('["gpt-4.1"]\ninput = 2\ncached_input = 0.5\noutput = 8\n', encoding="utf-8")
    assert price_file(file) == {"gpt-4.1": Price(input=2, cached_input=0.5, output=8)}
    service = configured(
        f'prices = "{file}"\n[upstreams.a]\nmodel = "gpt-4.1"\n[upstreams.b]\nmodel = "gpt-4.1"\n'
        'price = {input = 1, output = 1}\n[upstreams.c]\nmodel = "other"'
    )
    prices = {name: service.links(name)[0].price for name in ("a", "b", "c", "default")}
    assert prices == {
        "a": Price(input=2, cached_input=0.5, output=8),
        "b": Price(input=1, output=1),
        "c": None,
        "default": None,
    }


def test_the_first_upstream_takes_from_the_command_line_what_is_left_open(configured):
    service = configured('[upstreams.default]\nrequests_per_minute = 5\nfallback = ["a"]\n[upstreams.a]\nmodel = "m"')
    first = service.upstreams["default"]
    assert (first.model, first.requests_per_minute) == ("scripted:no", 5)
    assert [link.name for link in service.links("")] == ["default", "a"]
    assert configured('[upstreams.default]\nmodel = "own"').upstreams["default"].model == "own"


def test_each_upstream_is_asked_once_in_the_order_of_the_fallbacks():
    upstreams = {
        "a": Upstream(model="m", fallback=("b", "c")),
        "b": Upstream(model="m", fallback=("d",)),
        "c": Upstream(model="m", fallback=("d",)),
        "d": Upstream(model="m"),
    }
    assert line("a", upstreams) == ("a", "b", "d", "c")


def test_a_circuit_lets_one_try_again_when_its_time_is_over():
    clock = Clock()
    circuit = Circuit(30, clock)
    assert circuit.admits() and circuit.admits()
    circuit.failed()
    assert not circuit.admits()
    clock.now += 30
    assert circuit.admits()  # this one tries
    assert not circuit.admits()  # for all the others
    circuit.answered()
    assert circuit.admits() and circuit.admits()


def test_a_circuit_of_no_seconds_is_never_open():
    circuit = Circuit(0, Clock())
    circuit.failed()
    assert circuit.admits() and circuit.admits()


def test_a_cost_is_known_where_every_token_has_a_price():
    price = Price(input=2, cached_input=0.5, output=8)
    usage = Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=3, llm_calls=1)
    priced = price.of(usage)
    assert priced.cost == pytest.approx((6 * 2 + 4 * 0.5 + 3 * 8) / 1e6)
    assert (priced + priced).cost == pytest.approx(2 * priced.cost)
    assert (priced + Usage(llm_calls=1)).cost == priced.cost
    assert usage.cost is (priced + usage).cost is Usage().cost is None
    assert price.of(Usage()).cost is None
    assert Price(input=0, output=0).of(usage).cost == 0  # a price of nothing is known
    assert not {"cost_usd", "priced_tokens"} & usage.model_dump().keys()
    assert sum([price.of(Usage(prompt_tokens=1)) for _ in range(10)], Usage()).model_dump()["cost_usd"] == 2e-05
