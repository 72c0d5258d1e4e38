"""Step-wise generation: where a step ends, where a path ends, what the model is asked, and what the cache keeps."""

import asyncio

import pytest

from pilotage.agent.budget import Meter
from pilotage.agent.kit import Kit
from pilotage.agent.messages import Message
from pilotage.agent.models import Capabilities, ModelClient, ResponseCache, ScriptedChatModel
from pilotage.agent.models.factory import load_model
from pilotage.agent.models.reply import Request
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.particle_filter import ParticleFilter
from pilotage.agent.strategies.searching.stepwise import Path, Writing
from pilotage.agent.trace import Trace
from tests.agent.models.conftest import Endpoint, smollm2, smollm2_path  # noqa: F401 (fixtures)
from tests.agent.strategies.skilled import PLENTY, run, task
from tests.agent.strategies.trees import CONTINUES, said, texts, tree


def writing(model, strategy=None, given=None, cache=None, **how):
    client = model if isinstance(model, ModelClient) else ModelClient(model, cache=cache)
    kit = Kit(client, Meter(PLENTY), **how)
    return Writing(strategy or ParticleFilter(n=1), State(given or task(), Trace(), PLENTY), kit)


def written(work, steps=1):
    """One path of so many steps."""

    async def grow():
        path = Path()
        for _ in range(steps):
            (path,) = (await work.extend([(path, 1)])).written
        return path

    return asyncio.run(grow())


def counting(path, chance):
    return f"Step {len(path) + 1}."


def test_a_step_ends_at_a_blank_line_and_the_next_goes_on_from_there():
    model = tree(counting, keeps_calls=True)
    path = written(writing(model), 3)
    assert path.text == "Step 1.\n\nStep 2.\n\nStep 3.\n\n"
    assert (path.depth, path.ended, path.candidate) == (3, False, None)
    asked = [texts(call) for call in model.calls]
    assert [kind for kind, _ in asked[2]] == ["system", "human", "ai"]
    assert str(model.calls[2].messages[-1].text) == "Step 1.\n\nStep 2.\n\n"
    assert asked[0] == asked[2][:2]
    assert model.calls[0].options["stop"] == ["\n\n"]


def test_where_a_text_cannot_be_gone_on_with_the_next_step_is_asked_for_in_a_turn():
    model = tree(counting, capabilities=Capabilities(logprobs=True), keeps_calls=True)
    path = written(writing(model), 2)
    assert path.text == "Step 1.\n\nStep 2.\n\n"
    *_, (before, so_far), (role, asked) = texts(model.calls[1])
    assert (before, so_far, role) == ("ai", "Step 1.", "human")
    assert "next step alone" in asked and "'Answer: '" in asked


def test_a_step_that_its_limit_cuts_is_gone_on_with_in_the_middle():
    strategy = ParticleFilter(n=1, step_tokens=4)
    replies = ["one two\nAnswer: four five", " five\n\nmore"]
    first = written(writing(ScriptedChatModel(replies, capabilities=CONTINUES), strategy))
    assert (first.text, first.cut) == ("one two\nAnswer: four", True)
    assert (first.candidate, first.ended) == (None, False), "what a limit cut is no answer yet"
    second = written(writing(ScriptedChatModel(replies, capabilities=CONTINUES), strategy), 2)
    assert second.text == "one two\nAnswer: four five\n\n"
    assert (second.candidate, second.ended) == ("four five", True)


def test_without_prefill_what_a_limit_cut_is_not_joined_with_the_next_message():
    replies = ["one two\nAnswer: four five", "Then it is so.\n\n"]
    plain = ScriptedChatModel(replies, capabilities=Capabilities(logprobs=True))
    path = written(writing(plain, ParticleFilter(n=1, step_tokens=4)), 2)
    assert path.text == "one two\nAnswer: four\n\nThen it is so.\n\n"
    assert path.candidate is None


def test_a_path_ends_where_its_answer_is_marked_or_where_nothing_more_is_said():
    assert written(writing(tree(lambda path, chance: said("A")))).candidate == "A"
    work = writing(tree(lambda path, chance: None if path else "I do not know."))
    path = written(work, 2)
    assert (path.ended, path.candidate) == (True, None)
    assert path.as_step("x", "y").evidence.note == "the model stopped and had marked no answer"
    number = task().model_copy(update={"kind": "numeric"})
    bare = written(writing(tree(lambda path, chance: None if path else "42"), given=number), 2)
    assert (bare.ended, bare.candidate) == (True, "42"), "a reply that is nothing but an answer, as for every block"


def test_log_probabilities_are_those_of_the_whole_path():
    path = written(writing(tree(counting, logprob=lambda path: -0.1 * len(path))), 2)
    assert path.as_step("x", "y").mean_logprob == pytest.approx(-0.15)
    assert path.as_step("x", "y").min_logprob == pytest.approx(-0.2)
    assert path.step_logprob == pytest.approx(-0.2)


def test_cut_and_empty_pieces_are_kept_so_that_a_resumed_run_asks_nothing_again(tmp_path):
    def steps(path, chance):
        return None if len(path) > 1 else "a b c d e f"

    strategy = ParticleFilter(n=3, step_tokens=4, max_steps=4)
    with ResponseCache(tmp_path / "responses.sqlite") as cache:
        first, second = tree(steps, then=""), tree(steps, then="")
        once, _ = run(strategy, first, cache=cache)
        again, kit = run(strategy, second, cache=cache)
    assert first.counted.llm_calls > 3
    assert second.counted.llm_calls == 0
    assert kit.usage.replayed_calls == kit.usage.llm_calls == first.counted.llm_calls
    assert once.text == again.text


def test_a_request_for_a_whole_text_has_the_key_that_it_always_had():
    whole = Request(messages=(Message(role="user", content="hello"),), max_tokens=5)
    assert "piece" not in whole.model_dump()
    assert ResponseCache.key("m", whole) == "e7bc1d1ff2620fcc57cee436503cfae7c8ce49829ccf52214b6cd5a3bd581607"
    assert ResponseCache.key("m", whole.model_copy(update={"piece": True})) != ResponseCache.key("m", whole)


async def test_servers_whose_owner_says_that_they_go_on_are_asked_to():
    endpoint = Endpoint()
    try:
        client = load_model("m", base_url=endpoint.url)
        asked = (Message(role="user", content="Count."), Message(role="assistant", content="1, 2,"))
        await client.ask(Request(messages=asked, max_tokens=5))
        client.capabilities = client.capabilities.model_copy(update={"prefill": True})
        await client.ask(Request(messages=asked, max_tokens=5))
        await client.ask(Request(messages=asked[:1], max_tokens=5))
    finally:
        endpoint.close()
    said = [(body.get("continue_final_message"), body.get("add_generation_prompt")) for body in endpoint.bodies]
    assert said == [(None, None), (True, False), (None, None)]


@pytest.mark.live
async def test_llama_cpp_goes_on_with_the_text_so_far(smollm2):  # noqa: F811
    client = ModelClient(smollm2)
    assert client.capabilities.prefill
    counted = (
        Message(role="user", content="Count from 1 to 9, with commas."),
        Message(role="assistant", content="1, 2, 3, 4,"),
    )
    reply = await client.ask(Request(messages=counted, max_tokens=4, piece=True))
    assert reply.text.lstrip().startswith("5"), reply.text
    assert not reply.text.startswith("1, 2")


@pytest.mark.live
def test_paths_are_written_and_scored_step_by_step_by_llama_cpp(smollm2):  # noqa: F811
    given = task().model_copy(
        update={"prompt": "Tom has 3 apples and buys 4 more. How many has he?", "kind": "numeric"}
    )
    work = writing(ModelClient(smollm2), ParticleFilter(n=2, step_tokens=24, max_steps=3), given)

    async def grow():
        swarm = [Path(), Path()]
        for _ in range(3):
            growing = [path for path in swarm if not path.ended]
            further = (await work.extend([(path, number) for number, path in enumerate(growing, 1)])).written
            swarm = [path for path in swarm if path.ended] + list(further)
        return swarm

    paths = asyncio.run(grow())
    assert len(paths) == 2
    for path in paths:
        for before, after in zip(path.line, path.line[1:], strict=False):
            assert after.text.startswith(before.text)
            assert 0 < after.score <= 1
        assert path.ended or path.depth == 3
        assert path.tokens <= 3 * 24 + 3
    assert work.kit.usage.llm_calls == len(work.written)
