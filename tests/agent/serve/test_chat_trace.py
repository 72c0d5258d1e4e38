"""A stream with its trace as data: `"pilotage": {"trace": true}`."""

import pytest

from pilotage.memory import ConceptStore
from pilotage.memory.concept import ConceptDraft
from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.test_chat_completions import ask, chunks_of


def events_of(client, text=ASKED, **more):
    chunks = chunks_of(client, text, pilotage={"trace": True}, **more)
    return [chunk["pilotage"] for chunk in chunks if "pilotage" in chunk]


def test_each_block_is_told_when_it_is_chosen_while_it_writes_and_when_it_is_done(serve):
    events = events_of(serve(scripted()))
    kinds = [event["event"] for event in events]
    route = [event["block"] for event in events if event["event"] == "chosen"]
    assert route == ["program", "verify", "answer"]
    assert all(event["why"] for event in events if event["event"] == "chosen")
    assert [event["step"]["block"] for event in events if event["event"] == "stepped"] == route
    program = "".join(event["text"] for event in events if event["event"] == "wrote" and event["block"] == "program")
    assert "print(17*23)" in program
    assert kinds.index("chosen") < kinds.index("wrote") < kinds.index("stepped")
    assert kinds[-1] == "finished"
    assert 0 < events[-1]["run"]["confidence"] < 1


def test_a_step_is_told_as_solve_prints_it(serve):
    (step,) = (
        event["step"]
        for event in events_of(serve(scripted()))
        if event["event"] == "stepped" and event["step"]["block"] == "program"
    )
    assert step["candidate"] == "391"
    assert step["evidence"] == {"program": "ok"}
    assert step["program"] == "print(17*23)"
    assert step["usage"]["llm_calls"] == 1
    assert "turns" not in step


def test_the_end_of_a_run_says_what_it_cost_and_whether_it_is_verified(serve):
    model = scripted()
    run = events_of(serve(model))[-1]["run"]
    assert run["verified"] is True
    assert run["stopped_by"] == "answer"
    assert run["usage"]["prompt_tokens"] == model.counted.prompt_tokens
    assert "steps" not in run


def test_the_reply_is_told_once_and_the_progress_not_as_text_too(serve):
    client = serve(scripted())
    chunks = chunks_of(client, ASKED, pilotage={"trace": True})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == "It is 391."
    assert not any("reasoning" in delta for delta in deltas)
    assert not any(chunk["choices"][0]["delta"] for chunk in chunks if "pilotage" in chunk)
    assert not any("pilotage" in chunk for chunk in chunks_of(client, ASKED))


def test_concepts_are_told_with_why_they_were_recalled(serve, tmp_path):
    with ConceptStore.open(tmp_path, embedder="hash") as store:
        (made,) = store.propose([ConceptDraft(title="What is 17*23? Multiply.", cues=(ASKED,))])
    client = serve(scripted(), place=str(tmp_path), memory=str(tmp_path), embedder="hash")
    (recalled,) = (event for event in events_of(client) if event["event"] == "recalled")
    (concept,) = recalled["concepts"]
    assert concept["concept_id"] == made.id
    assert concept["title"] == "What is 17*23? Multiply."
    assert 0 < concept["similarity"] <= 1
    assert 0 <= concept["posterior"] <= 1


def test_a_server_that_tells_no_progress_tells_no_trace(serve):
    assert events_of(serve(scripted(), {"progress": False})) == []


@pytest.mark.parametrize("value", [7, "perhaps", {}])
def test_what_is_no_yes_or_no_is_refused(serve, value):
    reply = ask(serve(scripted()), pilotage={"trace": value}, stream=True)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "pilotage.trace"
