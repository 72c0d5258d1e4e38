"""lm-eval evaluates a served model on a task of its own, from a local file."""

import json
import shutil

from tests.clients.conftest import HERE
from tests.clients.replies import reply

TASK = HERE / "lm_eval_task"


def test_local_chat_completions(served, in_environment, tmp_path):
    upstream, url = served(reply)
    shutil.copy(TASK / "sums.jsonl", tmp_path)
    model = f"model=pilotage,base_url={url}/chat/completions,num_concurrent=2,max_retries=1,tokenized_requests=False"
    options = ["--model", "local-chat-completions", "--model_args", model, "--apply_chat_template", "--log_samples"]
    options += ["--tasks", "pilotage_sums", "--include_path", TASK, "--output_path", tmp_path / "out"]
    in_environment("lm_eval", "lm_eval", *options, OPENAI_API_KEY="none")
    (results,) = (tmp_path / "out").rglob("results_*.json")
    told = json.loads(results.read_text())["results"]["pilotage_sums"]
    assert round(told["exact_match,none"], 4) == 0.6667  # the model answers every sum with 391
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    replies = [json.loads(line)["resps"][0][0] for line in samples.read_text().splitlines()]
    assert replies == ["It is 391."] * 3
    spoken = [body for body in upstream.bodies if "<notes>" in str(body["messages"][-1]["content"])]
    assert len(spoken) == 3
    assert all(body["max_tokens"] == 64 and body["stop"] == ["\n\n"] and body["temperature"] == 0 for body in spoken)
