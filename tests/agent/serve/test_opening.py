"""Namespaces are opened beside everything else: a slow one holds up nobody, and all share what is costly."""

import threading

import httpx
import pytest
from sqlalchemy import make_url

from pilotage.agent.models import ModelClient
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.service import Service
from pilotage.agent.serve.tenants.holding import holding
from pilotage.agent.settings import settings_from
from pilotage.memory.embedders import embedder
from pilotage.memory.errors import LedgerError
from tests.agent.serve.tenants import ask, error_of, seller
from tests.agent.serve.test_over_an_upstream import HELLO
from tests.servers import postgres, postgres_url  # noqa: F401  (fixtures)
from tests.together import pool_of

MANY = 40
"""More requests than a process has threads for what it does beside its event loop."""


class Slow(Service):
    """A service to which one namespace opens when it is told to; it counts how often each was opened."""

    def __init__(self, *given, **more):
        self.go, self.asked, self.opened, self.fails = threading.Event(), threading.Event(), [], False
        super().__init__(*given, **more)

    def _opened(self, key):
        self.opened.append(key[0])
        if key[0] == "slow":
            self.asked.set()
            assert self.go.wait(120)
            if self.fails:
                raise LedgerError("the ledger /place/of/it is locked")
        return super()._opened(key)


@pytest.fixture
def slow(running, tmp_path):
    settings = settings_from({"policy": "rules", "model": "scripted", "embedder": "hash"})
    store = tmp_path / "keys.sqlite"
    with KeyStore(store) as keys:
        secrets = {name: keys.create(name, namespace=name).secret for name in ("slow", "quick")}
    config = ServeConfig(keys=True, key_store=str(store), responses_file=tmp_path / "responses.sqlite")
    service = Slow(settings, config, place=str(tmp_path / "memory"), model=ModelClient(seller()))
    with httpx.Client(
        base_url=running(create_app(service)), timeout=120, limits=httpx.Limits(max_connections=None)
    ) as http:
        yield service, http, {name: {"Authorization": f"Bearer {secret}"} for name, secret in secrets.items()}
        service.go.set()


def say(http, headers):
    body = {"model": "pilotage", "messages": HELLO}
    return http.post("/v1/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize("fails", [False, True])
def test_a_namespace_that_opens_slowly_holds_up_nobody_and_is_opened_once(slow, fails):
    service, http, keys = slow
    service.fails = fails
    with pool_of(MANY) as pool:
        waiting = [pool.submit(say, http, keys["slow"]) for _ in range(MANY)]
        try:
            assert service.asked.wait(120)
            assert http.get("/health").status_code == 200
            assert say(http, keys["quick"]).status_code == 200
            assert error_of(http.get("/v1/responses/resp_0", headers=keys["quick"]), 404)
            assert not any(one.done() for one in waiting)
        finally:
            service.go.set()
        statuses = {one.result().status_code for one in waiting}
    if fails:
        assert statuses == {500} and "/place/of/it" not in waiting[0].result().text
    else:
        assert statuses == {200} and service.opened.count("slow") == 1


def test_no_model_is_set_up_on_the_event_loop(serve, monkeypatch):
    """As it is for a name that is passed through: that of an embedded model takes seconds."""
    from pilotage.agent.serve.upstreams import link

    threads, plain = [], link.load_model

    def load(*given, **more):
        threads.append(threading.current_thread().name)
        return plain(*given, **more)

    monkeypatch.setattr(link, "load_model", load)
    http = serve(None, {"upstreams": {"b": {"model": "/no/such/model.gguf"}}}, model="scripted:no")
    for model in ("passthrough@b", "pilotage@b"):
        error_of(http.post("/v1/chat/completions", json={"model": model, "messages": HELLO}), 502)
    assert threads and all("asyncio_" in name for name in threads)


def test_all_namespaces_share_one_embedder_and_the_connections_to_a_database(
    postgres,  # noqa: F811
    postgres_url,  # noqa: F811
    monkeypatch,
):
    """PostgreSQL has a hundred connections by default, for all its clients together."""
    resolved, plain = [], embedder.resolve_embedder
    monkeypatch.setattr(embedder, "resolve_embedder", lambda spec: resolved.append(spec) or plain(spec))
    settings = settings_from({"policy": "rules", "model": "scripted", "embedder": "hash"})
    service = Service(settings, ServeConfig(), place=postgres_url, model=ModelClient(seller()))

    def use(number):
        with holding():
            return service.store(f"user-{number}").count(), service.store(f"user-{number}")

    with pool_of(8) as pool:
        used = list(pool.map(use, range(60)))
    assert {count for count, _ in used} == {0}
    assert resolved == ["hash"]
    assert len(service.tenants) == 60
    ours = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = '{}'"
    name = make_url(postgres_url).database
    assert 1 <= postgres.run(ours.format(name))[0][0] <= 8
    first = used[0][1]
    service.tenants.drop(("user-0", True))
    assert used[1][1].count() == 0  # what others share stays open
    with pytest.raises(Exception, match="was closed"):
        first.count()
    service.tenants.close()
    assert postgres.run(ours.format(name))[0][0] == 0


def test_a_memory_in_a_folder_takes_no_files_for_each_namespace(tmp_path):
    psutil = pytest.importorskip("psutil")
    settings = settings_from({"policy": "rules", "model": "scripted", "embedder": "hash"})
    service = Service(settings, ServeConfig(), place=str(tmp_path / "memory"), model=ModelClient(seller()))
    files = []
    for number in range(40):
        with holding():
            assert service.store(f"user-{number}").count() == 0
        files.append(psutil.Process().num_fds())
    assert len(service.tenants) == 40
    assert files[-1] - files[0] < 20
    service.tenants.close()


def test_what_a_tenant_teaches_is_its_own_over_shared_connections(house):
    home = house()
    one, two = home.key("a"), home.key("b")
    ask(one, model="pilotage:program").raise_for_status()
    assert len(one.get("/v1/concepts").json()["data"]) == 1
    assert two.get("/v1/concepts").json()["data"] == []
