"""Peers as methods of a comparison: counted, bounded and ended, whatever they do; refused before a call."""

import asyncio
import json
import os
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.bench.methods import Method
from pilotage.agent.budget import Budget, Meter
from pilotage.agent.errors import ModelError, UsageError
from pilotage.agent.kit import Kit
from pilotage.agent.models import Fault, ModelClient, RetryPolicy, ScriptedChatModel
from pilotage.agent.peers.ending import MARK
from pilotage.agent.peers.gateway import Gateway
from pilotage.agent.strategies.known.skilled import skilled
from tests.agent.bench.conftest import lines
from tests.agent.bench.peering import VOTE, asked, solved

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")
pytestmark = needs_proc


def test_a_peer_is_a_row_as_any_other_and_draws_what_our_own_vote_draws(bench, environments):
    own = "strategy:self-consistency;n=5"
    code, out, err = bench("--peers", os.path.relpath(environments), "--json", methods=[own, VOTE])
    assert code == 0, err
    ours, theirs = json.loads(out)["methods"]
    assert theirs.pop("name") == VOTE and ours.pop("name") == own
    counted = ("accuracy", "prompt_tokens", "completion_tokens", "calls", "idealised")
    assert [theirs[name] for name in counted] == [ours[name] for name in counted] and theirs["calls"] == 5
    (file,) = Path("o").glob("peer*.jsonl")
    assert [line["policy"] for line in lines(file)] == [VOTE] * 4
    assert VOTE in Path("o/bench.html").read_text().replace("<wbr>", "")
    code, _, err = bench("--peers", str(environments), "--resume", methods=[own, VOTE])
    assert code == 0 and "4 of 4" not in err, "what is done is not done again"


def test_what_it_asks_is_charged_and_answered_by_the_same_draws(environments):
    model, plain = skilled(0.6), skilled(0.6)
    tasks = asked("right or wrong", "wrong or right", "several")
    runs = solved(environments, tasks, model)
    for run in runs:
        assert run.usage.llm_calls == (3 if run.task_id == "t2" else 5)
    spent = sum(run.usage.total_tokens for run in runs)
    assert spent == model.counted.total_tokens
    voting = ReasoningAgent(
        plain, policy="strategy:self-consistency;n=5", sandbox="none", budget=Budget(max_tokens=50_000)
    )
    with voting:
        assert [run.answer for run in runs[:2]] == [voting.solve(task).answer for task in tasks[:2]]


@pytest.mark.parametrize(("limit", "calls"), [({"max_calls": 5}, 5), ({"max_tokens": 160}, 2)])
def test_past_a_limit_the_gateway_refuses_and_the_run_ends_with_what_it_has(environments, limit, calls):
    (run,) = solved(environments, asked("right or wrong, and more"), skilled(1.0), **limit)
    assert (run.answer, run.error) == ("right", None)
    assert run.usage.llm_calls <= calls and run.usage.total_tokens <= limit.get("max_tokens", 50_000)
    assert run.stopped_by == next(iter(limit))


@pytest.mark.parametrize(
    ("prompt", "why"),
    [("die", "its process ended"), ("garbage", "what is no reply"), ("flood", "what is no reply"), ("raise", "cannot")],
)
def test_one_that_fails_is_a_failed_run_and_the_next_one_is_done(environments, prompt, why):
    failed, next_ = solved(environments, asked(prompt, "right or wrong"), skilled(1.0))
    assert failed.answer is None and failed.score == 0 and why in failed.error
    assert (next_.answer, next_.error) == ("right", None)


def test_one_that_hangs_is_ended_with_all_that_it_has_started(environments):
    """`solved` looks for what it left; the child has a session of its own."""
    hung, next_ = solved(environments, asked("hang", "right or wrong"), skilled(1.0), max_seconds=8)
    assert (hung.answer, hung.stopped_by) == (None, "max_seconds")
    assert next_.answer == "right"


def test_a_model_that_nobody_answers_for_ends_the_comparison_whatever_the_peer_says(environments):
    down = ScriptedChatModel(lambda messages: Fault(status=401))
    with pytest.raises(ModelError, match="401"):
        solved(environments, asked("right or wrong"), down)


def test_its_text_is_read_as_everybodys_and_is_printable(bench, environments):
    tasks = [
        {"id": "q", "prompt": "Be hostile: what is 48 times 10?", "gold": 480},
        {"id": "r", "prompt": "die", "gold": 1},
    ]
    Path("t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    code, out, err = bench("--peers", str(environments), methods=[VOTE])
    assert code == 0 and "\x1b" not in out + err and "\x07" not in out + err
    assert "1 runs had no usable reply" in out or "not solved" in err


def test_it_knows_no_key_of_ours_and_its_own_opens_nothing_once_its_run_has_ended(environments, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    (run,) = solved(environments, asked("remember"), skilled(1.0))
    told = json.loads(run.trace.steps[0].text)
    assert set(told["environment"]) <= {"PATH", "HOME", "TMPDIR", MARK, "PWD", "SHLVL", "_", "LC_CTYPE", "OLDPWD"}
    assert told["key"].startswith("sk-") and len(told["key"]) > 40 and told["url"].startswith("http://127.0.0.1:")


async def test_a_key_opens_one_run_for_as_long_as_it_lasts():
    body = json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "Right or wrong?"}], "top_p": 0.9}
    ).encode()

    def post(key):
        request = urllib.request.Request(f"{gateway.url}/chat/completions", body, {"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    kit = Kit(ModelClient(skilled(1.0), retry=RetryPolicy(retries=0)), Meter(Budget()))
    async with Gateway() as gateway:
        assert await asyncio.to_thread(post, "sk-guessed") == 401
        async with gateway.account(kit) as (key, _):
            assert await asyncio.to_thread(post, key) == 200
        assert await asyncio.to_thread(post, key) == 401
    assert kit.usage.llm_calls == 1


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("peer:its_hob/self-consistency", "did you mean its_hub?"),
        ("peer:its_hub/self_consistency", "did you mean self-consistency?"),
        ("peer:its_hub", "choose from self-consistency, best-of-n"),
        ("peer:optillm/mao", "did you mean moa?"),
        ("peer:its_hub/best-of-n;budgets=3", "did you mean budget?"),
        ("peer:its_hub/best-of-n;budget=many", "needs a whole number from 1"),
        ("peer:its_hub/best-of-n;budget=0", "needs a whole number from 1"),
        ("peer:its_hub/best-of-n;temperature=nan", "needs a number from 0 to 2"),
        ("peer:its_hub/best-of-n;budget=2;budget=3", "gives budget twice"),
        ("peer:its_hub/best-of-n;temperature=2.5", "needs a number from 0 to 2"),
        ("peer:its_hub/particle-filtering;selection=best", "needs argmax or sample"),
        (
            "peer:its_hub/best-of-n;selection=sample",
            "it takes budget (a whole number from 1 to 9,999; 8",
        ),
        ("peer:its_hub/beam-search;budget=5", "needs a budget that is a multiple of its beam_width 2, not 5"),
        ("peer:optillm/moa;best_of_n=3", "names no parameter of moa: it takes none"),
        ("peer:optillm/moa@high", "peers take none"),
        ("peer:optillm/bon;best_of_n=3@high", "peers take none"),
    ],
)
def test_a_peer_that_is_none_is_refused_in_a_sentence(written, why):
    with pytest.raises(UsageError, match=re.escape(why)) as refused:
        Method.parse(written)
    assert "\n" not in str(refused.value)


def test_what_is_the_default_is_left_out_of_its_name():
    assert Method.parse("peer:its_hub/best-of-n;budget=8;temperature=0.7").label == "peer:its_hub/best-of-n"


def test_more_samples_than_the_budget_has_calls_are_refused_before_one_is_paid(bench, environments):
    code, out, err = bench("--peers", str(environments), "--max-calls", "4", methods=["fixed:reason,answer", VOTE])
    assert code == 2 and not out and f"{VOTE} needs 5 calls and the budget has 4: give --max-calls 5" in err
    assert not Path("o").exists(), "a refused command leaves nothing"


def test_runs_that_a_limit_ended_are_told(bench, environments):
    Path("t.jsonl").write_text('{"prompt": "Right or wrong, and more?", "gold": "480"}\n')
    code, out, err = bench("--peers", str(environments), "--max-calls", "5", methods=["fixed:reason,answer", VOTE])
    assert code == 0, err
    told = f"Limits of the budget ended runs of {VOTE}: 1 by max_calls, of 1."
    assert told in " ".join(out.split()) and told in Path("o/bench.html").read_text()


def test_without_its_environment_the_commands_that_make_it_are_told(bench, tmp_path):
    code, out, err = bench("--peers", str(tmp_path / "none"), methods=["peer:optillm/moa"])
    home = tmp_path / "none" / "optillm"
    assert code == 2 and not out
    told = " ".join(err.split())
    assert (
        f"python3 -m venv {home} && {home}/bin/pip install --no-deps optillm==0.4.0 && {home}/bin/pip install" in told
    )


REAL = os.environ.get("PILOTAGE_PEERS", "")


@pytest.mark.skipif(not REAL, reason="make test-peers installs the toolkits")
@pytest.mark.parametrize(
    ("method", "calls"),
    [
        ("peer:its_hub/self-consistency;budget=3", 3),
        ("peer:its_hub/best-of-n;budget=3", None),
        ("peer:its_hub/beam-search;budget=4", None),
        ("peer:its_hub/particle-filtering;budget=3", None),
        ("peer:optillm/none", 1),
        ("peer:optillm/moa", 5),
        ("peer:optillm/bon", 6),
        ("peer:optillm/self_consistency", 5),
    ],
)
def test_the_toolkits_themselves_run_through_the_gateway(method, calls):
    model = skilled(1.0)
    for run in solved(Path(REAL), asked("right or wrong", "wrong or right"), model, method, max_calls=60):
        assert (run.answer, run.error) == ("right", None)
        assert run.usage.llm_calls == calls or calls is None
    assert model.counted.llm_calls
