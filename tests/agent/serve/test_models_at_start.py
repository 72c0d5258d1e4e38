"""A server whose upstream names no model does not start, and says what to write."""

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
