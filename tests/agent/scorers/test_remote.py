"""A process reward model over HTTP, against a real server: both protocols, failures that pass, and nonsense."""

import json

import pytest

from pilotage.agent.banks.scorers import RemoteScorer
from pilotage.agent.errors import BadScores, ScorerUnavailable, StepRefused, UsageError
from pilotage.agent.models import RetryPolicy
from pilotage.agent.models.reward import KEY, Pooling, RewardModel
from tests.agent.models.conftest import Endpoint, send
from tests.agent.scorers.places import step_of

QUICK = RetryPolicy(retries=2, first_delay=0.01)


@pytest.fixture
def endpoint():
    server = Endpoint()
    server.headers = []
    yield server
    server.close()


def says(endpoint, content, status=200):
    def step(handler, body):
        endpoint.headers.append(dict(handler.headers))
        endpoint.paths = [*getattr(endpoint, "paths", []), handler.path]
        send(
            handler, status, content if isinstance(content, bytes) else json.dumps(content).encode(), "application/json"
        )

    return step


def address(endpoint, path="/score"):
    return endpoint.url.removesuffix("/v1") + path


async def ask(endpoint, path="/score", **options):
    scorer = RemoteScorer(RewardModel(address(endpoint, path), retry=QUICK, **options))
    try:
        return await scorer.score(step_of())
    finally:
        await scorer.aclose()


def pooled(*rows):
    return {"data": [{"index": 0, "data": list(rows)}], "usage": {"prompt_tokens": 211, "total_tokens": 211}}


async def test_plain_json_gives_the_newest_steps_score(endpoint):
    endpoint.plan = [says(endpoint, {"scores": [0.93, 0.41], "usage": {"prompt_tokens": 57}})]
    score = await ask(endpoint)
    assert score.value == 0.41
    assert (score.usage["prompt_tokens"], score.usage["llm_calls"]) == (57, 1) and score.usage["seconds"] > 0
    (body,) = endpoint.bodies
    assert body == {"task": "Tom has 3 apples and buys 4. How many?", "steps": ["3 + 4 = 8", "No: 3 + 4 = 7"]}
    assert "987654" not in json.dumps(endpoint.bodies)


async def test_a_pooling_server_gets_marked_steps_and_its_good_class_counts(endpoint):
    endpoint.plan = [says(endpoint, pooled([0.1, 0.9], [0.75, 0.25]))]
    score = await ask(endpoint, "/pooling", model="prm")
    assert (score.value, score.usage["prompt_tokens"]) == (0.25, 211)
    assert endpoint.bodies[0]["model"] == "prm" and endpoint.paths == ["/pooling"]
    assert endpoint.bodies[0]["messages"] == [
        {"role": "user", "content": "Tom has 3 apples and buys 4. How many?"},
        {"role": "assistant", "content": "3 + 4 = 8<extra_0>No: 3 + 4 = 7<extra_0>"},
    ]


async def test_another_reward_model_has_another_tag_and_column(endpoint):
    endpoint.plan = [says(endpoint, pooled([0.9, 0.1], [0.75, 0.25]))]
    assert (await ask(endpoint, "/v1/pooling", pooling=Pooling(" ки\n", 0))).value == 0.75
    assert endpoint.bodies[0]["messages"][1]["content"] == "3 + 4 = 8 ки\nNo: 3 + 4 = 7 ки\n"


async def test_rows_may_be_single_numbers(endpoint):
    endpoint.plan = [says(endpoint, pooled(0.5, 0.6))]
    assert (await ask(endpoint, "/pooling")).value == 0.6


async def test_a_failure_that_may_pass_is_tried_again(endpoint):
    endpoint.plan = [says(endpoint, b"", 503), Endpoint.drop(), says(endpoint, {"scores": [1, 0]})]
    score = await ask(endpoint)
    assert score.value == 0 and len(endpoint.bodies) == 3
    assert score.usage["prompt_tokens"] == 0, "the endpoint did not say"


async def test_a_slow_endpoint_is_given_up(endpoint):
    endpoint.plan = [Endpoint.slow(1.0)]
    with pytest.raises(ScorerUnavailable, match="failed after 3 tries"):
        await ask(endpoint, timeout=0.05)


async def test_a_refusal_is_not_tried_again_and_a_key_is_sent(endpoint, monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    endpoint.plan = [says(endpoint, b"", 401)]
    with pytest.raises(ScorerUnavailable, match="401") as refused:
        await ask(endpoint)
    assert len(endpoint.bodies) == 1 and endpoint.headers[0]["Authorization"] == "Bearer secret"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("status", "kind"), [(413, StepRefused), (500, StepRefused), (404, ScorerUnavailable)])
async def test_what_one_step_meets_is_told_from_what_all_would_meet(endpoint, status, kind):
    endpoint.plan = [says(endpoint, b"", status)]
    with pytest.raises(ScorerUnavailable, match=str(status)) as refused:
        await ask(endpoint)
    assert type(refused.value) is kind


async def test_nobody_there_is_one_sentence():
    scorer = RemoteScorer(RewardModel("http://127.0.0.1:9/score", retry=RetryPolicy(retries=0)))
    with pytest.raises(ScorerUnavailable, match="what was scored is kept"):
        await scorer.score(step_of())
    await scorer.aclose()


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("/score", b"<html>", "its answer is no JSON"),
        ("/score", {"values": [1]}, "no scores are in it"),
        ("/score", [], "no scores are in it"),
        ("/score", {"scores": "11"}, "no scores are in it"),
        ("/score", {"scores": [0.5]}, "there are 1 scores for 2 steps"),
        ("/score", {"scores": [0.5, None]}, "no scores are in it"),
        ("/score", {"scores": [0.5, 1.5]}, "a score is 1.5, not between 0 and 1"),
        ("/score", b'{"scores": [0.5, NaN]}', "a score is nan"),
        ("/pooling", {"data": []}, "no scores are in it"),
        ("/pooling", pooled([0.5], [0.5]), "no scores are in it"),
        ("/pooling", pooled([0.1, 0.9], [0.1, 0.9], [0.1, 0.9]), "is '<extra_0>' the tag of its steps?"),
        ("/pooling", {"data": [{"data": "aGVsbG8="}]}, "no scores are in it"),
    ],
)
async def test_nonsense_is_never_taken_for_a_score(endpoint, path, content, said):
    endpoint.plan = [says(endpoint, content)]
    with pytest.raises(BadScores, match=said):
        await ask(endpoint, path)


@pytest.mark.parametrize("url", ["prm", "ftp://host/score", "http://", "http:///score"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="is no address of a step scorer"):
        RemoteScorer(RewardModel(url))


def test_a_named_model_is_the_same_scorer_wherever_it_is_served():
    one, other = (RemoteScorer(RewardModel(f"http://{host}/pooling", model="prm")) for host in ("a:1", "b:2"))
    assert one.identity == other.identity and one.name == "remote-prm"
    assert (
        RemoteScorer(RewardModel("http://a:1/pooling", model="prm", pooling=Pooling(good=0))).identity != one.identity
    )
    assert RemoteScorer(RewardModel("http://a:1/s")).identity != RemoteScorer(RewardModel("http://b:2/s")).identity


async def test_a_reply_that_never_ends_is_left(endpoint):
    endpoint.plan = [endpoint.endless(b" " * 65536, kind="application/json")]
    with pytest.raises(BadScores, match="more than"):
        await ask(endpoint)
    endpoint.plan = [endpoint.endless(b" ", 0.01, kind="application/json")]
    with pytest.raises(ScorerUnavailable, match="no answer within"):
        await ask(endpoint, timeout=0.2)


async def test_a_redirect_to_another_host_is_not_followed(endpoint):
    other = Endpoint()
    try:
        endpoint.plan = [endpoint.status(307, Location=f"{other.url}/score")]
        with pytest.raises(ScorerUnavailable, match=f"redirects to {other.url}/score"):
            await ask(endpoint)
        assert other.bodies == []
    finally:
        other.close()


@pytest.mark.parametrize("counted", [-5, True, "57", 1.5, None, [57]])
async def test_a_count_that_cannot_be_true_is_not_believed(endpoint, counted):
    endpoint.plan = [says(endpoint, {"scores": [0.9, 0.4], "usage": {"prompt_tokens": counted}})]
    assert (await ask(endpoint)).usage["prompt_tokens"] == 0


async def test_nesting_without_end_is_nonsense(endpoint):
    endpoint.plan = [says(endpoint, b"[" * 100_000)]
    with pytest.raises(BadScores):
        await ask(endpoint)
