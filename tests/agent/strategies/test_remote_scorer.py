"""A process reward model as a strategy's scorer, against a real server: what it is asked, what that costs, failures."""

import json

import pytest

from pilotage.agent.errors import BadScores, ScorerUnavailable, UsageError
from pilotage.agent.models import ModelClient, ResponseCache, ScriptedChatModel
from pilotage.agent.models.reward import KEY
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.scorers.remote import written_steps
from tests.agent.models.conftest import Endpoint, send
from tests.agent.strategies.skilled import PLENTY, run
from tests.agent.strategies.trees import drawn_from, said, tree

REPLIES = ["First.\n\nAnswer: worse", "Second.\n\nAnswer: better", "Third.\n\nAnswer: worse"]


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.close()


def scoring(endpoint, score, tokens=20):
    """A reward model that scores each step by a function of the steps up to it."""

    def step(handler, body):
        endpoint.key = handler.headers.get("Authorization")
        scores = [score(body["steps"][: place + 1]) for place in range(len(body["steps"]))]
        answer = {"scores": scores, "usage": {"prompt_tokens": tokens}}
        send(handler, 200, json.dumps(answer).encode(), "application/json")

    return step


def address(endpoint):
    return endpoint.url.removesuffix("/v1") + "/score"


def likes_better(steps):
    return 0.9 if "better" in steps[-1] else 0.2


def test_it_chooses_and_every_call_of_it_is_charged(endpoint):
    endpoint.plan = [scoring(endpoint, likes_better)]
    strategy = strategy_named(f"strategy:best-of-n;n=3;scorer=remote:{address(endpoint)}")
    model = ScriptedChatModel(REPLIES)
    step, kit = run(strategy, model)
    assert step.candidate == "better"
    assert sorted(draw.score for draw in step.draws) == [0.2, 0.2, 0.9]
    assert sorted(body["steps"][0] for body in endpoint.bodies) == ["First.", "Second.", "Third."]
    assert endpoint.bodies[0]["task"] == "Question 0: right or wrong?"
    assert kit.usage.llm_calls == model.counted.llm_calls + 3 == kit.meter.spent.llm_calls
    assert kit.usage.prompt_tokens == model.counted.prompt_tokens + 3 * 20
    assert strategy.least_calls == 6
    reward = kit.usage.others[f"remote:{address(endpoint)}"]
    assert (reward.prompt_tokens, reward.llm_calls) == (3 * 20, 3)


def test_it_scores_unfinished_paths_by_their_newest_step(endpoint):
    scores = {"good": 0.99, "bad": 0.01, "on": 0.5}
    endpoint.plan = [scoring(endpoint, lambda steps: scores.get(steps[-1], 0.9 if steps[0] == "good" else 0.1))]
    branches = {(): {"good": 0.5, "bad": 0.5}, ("good",): {said("A"): 1}, ("bad",): {said("B"): 1}}
    strategy = strategy_named(f"strategy:beam;scorer=remote:{address(endpoint)}")
    step, _ = run(strategy, tree(drawn_from(branches)))
    assert step.candidate == "A"
    assert {len(body["steps"]) for body in endpoint.bodies} == {1, 2}


def test_scores_are_cached_like_replies(endpoint, tmp_path):
    endpoint.plan = [scoring(endpoint, likes_better)]
    strategy = strategy_named(f"strategy:weighted-vote;n=3;scorer=remote:{address(endpoint)}")
    with ResponseCache(tmp_path / "responses.sqlite") as cache:
        once, first = run(strategy, ModelClient(ScriptedChatModel(REPLIES), cache=cache))
        again, second = run(strategy, ModelClient(ScriptedChatModel([]), cache=cache))
    assert len(endpoint.bodies) == 3
    assert once.draws == again.draws or [d.score for d in once.draws] == [d.score for d in again.draws]
    assert second.usage.replayed_calls == second.usage.llm_calls == first.usage.llm_calls == 6


def test_a_key_from_the_environment_is_sent(endpoint, monkeypatch):
    monkeypatch.setenv(KEY, "secret")
    endpoint.plan = [scoring(endpoint, likes_better)]
    run(strategy_named(f"strategy:best-of-n;n=1;scorer=remote:{address(endpoint)}"), ScriptedChatModel(REPLIES))
    assert endpoint.key == "Bearer secret"


def test_what_it_refuses_to_score_is_unknown_and_what_it_refuses_at_all_ends_the_run(endpoint):
    strategy = strategy_named(f"strategy:best-of-n;n=1;scorer=remote:{address(endpoint)}")
    endpoint.plan = [endpoint.status(413)]
    step, kit = run(strategy, ScriptedChatModel(REPLIES))
    assert (step.candidate, step.draws[0].score) == ("worse", None)
    assert kit.usage.llm_calls == 1  # the draw's: what was refused is no call
    endpoint.plan = [endpoint.status(401)]
    with pytest.raises(ScorerUnavailable, match="401.*check that it runs$"):
        run(strategy, ScriptedChatModel(REPLIES))
    endpoint.plan = [scoring(endpoint, lambda steps: 7.0)]
    with pytest.raises(BadScores, match="not between 0 and 1"):
        run(strategy, ScriptedChatModel(REPLIES))


def test_tries_that_it_may_have_worked_on_are_counted(endpoint):
    strategy = strategy_named(f"strategy:best-of-n;n=1;scorer=remote:{address(endpoint)}")
    endpoint.plan = [endpoint.status(500), scoring(endpoint, likes_better)]
    step, kit = run(strategy, ScriptedChatModel(REPLIES))
    assert step.draws[0].score is not None
    assert (len(endpoint.bodies), kit.usage.llm_calls, kit.usage.estimated_calls) == (2, 3, 1)


def test_its_calls_keep_within_the_budget(endpoint):
    endpoint.plan = [scoring(endpoint, likes_better)]
    strategy = strategy_named(f"strategy:best-of-n;n=3;scorer=remote:{address(endpoint)}")
    budget = PLENTY.model_copy(update={"max_calls": 4})
    step, kit = run(strategy, ScriptedChatModel(REPLIES), budget=budget)
    assert kit.usage.llm_calls == 4
    assert len(endpoint.bodies) == 1
    assert sum(draw.score is None for draw in step.draws) == 2


def test_an_address_that_is_none_and_a_scorer_that_is_none_are_told_in_a_sentence():
    with pytest.raises(UsageError, match="is no address of a process reward model"):
        strategy_named("strategy:beam;scorer=remote:somewhere")
    with pytest.raises(UsageError, match="there is no scorer 'nobody'.*remote:URL"):
        strategy_named("strategy:beam;scorer=nobody")


def test_the_steps_of_a_solution_are_its_paragraphs_or_else_its_lines():
    assert written_steps("One\nmore.\n \nTwo.\n\n") == ["One\nmore.", "Two."]
    assert written_steps("One.\nTwo.\n\n") == ["One.", "Two."]
    assert written_steps(" \n") == []
