"""A server whose upstream names no model, or whose memory no embedder, does not start, and says what to write."""

import socket

import pytest


@pytest.mark.parametrize(
    ("model", "upstream", "told"),
    [
        ("smollm2", "", "'embedded:smollm2' does"),
        ("nonsense", "", "'nonsense' names no model"),
        ("embedded:nonsense", "", "No weights are called 'nonsense'"),
        ("embedded:minilm", "", "makes embeddings and cannot chat"),
        ("embedded", 'model = "nonsense"', "the upstream large: 'nonsense' names no model"),
        ("embedded", 'model = "up"\nbase_url = "nowhere"', "the upstream large: "),
    ],
)
def test_a_name_of_no_model_is_refused_when_the_server_starts(command_line, tmp_path, model, upstream, told):
    config = tmp_path / "serve.toml"
    config.write_text(f"port = 1\n[upstreams.large]\n{upstream}\n" if upstream else "port = 1\n")
    said = command_line("serve", "--model", model, "--memory", "none", "--config", str(config))
    assert said.code == 2 and told in said.err


@pytest.fixture
def started(command_line):
    """Starts a server at an address that is taken, so that one which goes on ends too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ("--model", "up", "--base-url", "http://127.0.0.1:9/v1", "--port", taken.getsockname()[1])
        yield lambda *options: command_line("serve", *address, *options)


@pytest.mark.parametrize(
    ("embedder", "told"),
    [("minilm", "get it with `pilotage models pull minilm`"), ("nonsense", "unknown embedder 'nonsense'")],
)
def test_a_memory_without_its_embedder_is_refused_when_the_server_starts(
    started, tmp_path, monkeypatch, embedder, told
):
    monkeypatch.setenv("PILOTAGE_EMBEDDER", embedder)
    said = started("--memory", tmp_path / "memory")
    assert said.code == 1 and told in said.err
    assert "cannot listen" in started("--memory", "none").err


def test_a_memory_that_nobody_asked_for_is_left_out_where_its_embedder_is_not_here(started):
    said = started()
    assert "without memory" in said.err and "`pilotage models pull minilm`" in said.err
    assert "cannot listen" in said.err
