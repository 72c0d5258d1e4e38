"""What runs leave in experience, who may say more of it, and what it is looked at and fed by."""

import json
from functools import partial

import pytest

from pilotage.agent import Budget, ReasoningAgent, Task
from pilotage.agent.blocks import installed
from pilotage.agent.errors import BadReply, UsageError
from pilotage.agent.experience.index import index_of
from pilotage.agent.experience.records import Records
from pilotage.agent.experience.study import GRANT, SHARE
from pilotage.agent.experience.undoing import undo_run
from pilotage.agent.graph.failures import FAILED
from pilotage.agent.learning.credit import record_feedback, take_back
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.routing.observation import Observer
from pilotage.memory import ConceptStore
from pilotage.memory.errors import LedgerError, UnknownEvent

HARD = Task(id="hard", kind="numeric", prompt="How many letters of 'strawberry' come after m?", gold=5)
SUM = Task(id="sum", kind="numeric", prompt="What is 40 apples and 2 apples?", gold=42)


def solver(messages):
    """Its programs are wrong on the letters, and right on sums; its reasoning is right."""
    asked = " ".join(message.text for message in messages)
    right = 5 if "strawberry" in asked else 42
    if "Python program" in messages[-1].text:
        return f"```python\nprint({7 if right == 5 else right})\n```"
    return f"Step by step.\nAnswer: {right}"


@pytest.fixture
def store():
    with ConceptStore.temporary(embedder="hash") as store:
        yield store


def agent_over(store, model=solver, policy="fixed:program,verify,answer", **options):
    return ReasoningAgent(ScriptedChatModel(model), memory=store, policy=policy, **options)


def kept(store):
    return Records(store).since()


class TestWhatIsKept:
    async def test_two_routes_that_agree_tell_what_each_came_to(self, store):
        async with agent_over(store) as agent:
            run = await agent.asolve(SUM)
        (record,) = kept(store)
        assert (record.run, record.task, record.evidence) == (run.id, "sum", "verified")
        assert [outcome[:3] for outcome in record.attempts.outcomes()] == [
            ("start", "program", 1.0),
            ("start", "reason", 1.0),
            ("program, answered", "verify", 1.0),
        ]
        assert sum(one.cost for one in record.attempts.tried) * 1000 == pytest.approx(
            sum(step.usage.total_tokens for step in run.trace.steps)
        )
        assert record.attempts.writing * 1000 == pytest.approx(
            run.usage.total_tokens - 1000 * sum(one.cost for one in record.attempts.tried)
        )

    async def test_routes_that_disagree_tell_nothing_and_neither_does_a_hidden_grade(self, store):
        async with agent_over(store) as agent:
            run = await agent.asolve(HARD)
        (record,) = kept(store)
        assert run.score is not None and record.evidence == ""
        outcomes = record.attempts.outcomes()
        assert outcomes and all(outcome[2] == pytest.approx(run.confidence, abs=1e-4) for outcome in outcomes)
        assert record.attempts.right == (None, None)

    @pytest.mark.parametrize("prompt", ["Write a poem about the sea.", "hello"])
    async def test_a_reply_that_is_the_answer_tells_nothing(self, store, prompt):
        async with agent_over(store, policy="fixed:reason,answer") as agent:
            await agent.asolve(Task(id="t", kind="open", prompt=prompt))
            await agent.achat([{"role": "user", "content": prompt}])
        assert kept(store) == []

    async def test_a_memory_that_is_only_read_keeps_none(self, store):
        async with agent_over(store, learn=False) as agent:
            await agent.asolve(SUM)
        assert kept(store) == []

    async def test_a_run_that_its_model_failed_says_nothing_of_the_blocks(self, store):
        def failing(messages):
            if "step by step" in messages[-1].text.lower() or "by hand" in messages[-1].text:
                raise BadReply("it is no reply")
            return solver(messages)

        async with agent_over(store, failing, policy="fixed:program,reason,answer") as agent:
            run = await agent.achat([{"role": "user", "content": SUM.prompt}])
        assert run.route[0] == "program" and run.stopped_by == FAILED
        assert kept(store) == []

    async def test_a_memory_that_cannot_be_written_costs_nobody_the_answer(self, store, monkeypatch, caplog):
        def full(*_):
            raise LedgerError("the disk is full")

        monkeypatch.setattr(Records, "put", full)
        async with agent_over(store, policy="fixed:program,answer") as agent:
            assert (await agent.asolve(SUM)).answer == "42"
        assert "the disk is full" in caplog.text

    async def test_a_task_that_is_solved_again_under_its_run_counts_once(self, store):
        async with agent_over(store) as agent:
            for _ in range(2):
                await agent.asolve(SUM, run_id="r")
        assert [record.run for record in kept(store)] == ["r"]


class TestFeedback:
    async def test_it_tells_of_the_answer_that_was_given_and_can_be_taken_back(self, store):
        async with agent_over(store) as agent:
            run = await agent.asolve(HARD)
            found = kept(store)[0].attempts
            await agent.afeedback(run, helped=True)
            given = run.answer
            right = {outcome[1]: outcome[2] for outcome in kept(store)[0].attempts.outcomes() if outcome[0] == "start"}
            assert right == {"program": float(given == "7"), "reason": float(given == "5")}
            await agent.afeedback(run, helped=False)
            assert kept(store)[0].evidence == "feedback"
            assert take_back(store, run)
        assert (kept(store)[0].evidence, kept(store)[0].attempts) == ("", found)

    async def test_saying_it_again_changes_nothing(self, store):
        async with agent_over(store) as agent:
            run = await agent.asolve(HARD)
        assert record_feedback(store, run, True)
        assert not record_feedback(store, run, True)


class TestUndo:
    async def test_a_run_is_undone_as_a_whole_and_brought_back(self, store):
        async with agent_over(store) as agent:
            run = await agent.asolve(SUM)
        undo_run(store, run.id)
        assert [record.undone for record in kept(store)] == [True]
        undo_run(store, f"undo:{run.id}")
        assert [record.undone for record in kept(store)] == [False]
        with pytest.raises(UnknownEvent):
            undo_run(store, "nobody's")


class TestRouting:
    async def test_what_like_tasks_came_to_decides(self, store):
        async with agent_over(store, policy="fixed:program,reason,answer") as agent:
            for number in range(12):
                letters = HARD.model_copy(update={"id": f"h{number}", "prompt": f"{HARD.prompt} ({number})"})
                run = await agent.asolve(letters)
                run = run.model_copy(update={"followed": (), "learned": ()})
                record_feedback(store, run, run.answer == "5")
                await agent.asolve(SUM.model_copy(update={"id": f"s{number}", "prompt": f"{SUM.prompt} ({number})"}))
        async with agent_over(store, policy="experience") as agent:
            hard, easy = await agent.asolve(HARD), await agent.asolve(SUM)
        assert (hard.route[0], hard.answer) == ("reason", "5")
        assert easy.route == ("program", "answer")
        assert hard.policy == "experience"

    async def test_with_nothing_known_it_is_the_one_bit_rule(self, store):
        async with agent_over(store, policy="experience") as agent:
            assert (await agent.asolve(SUM)).route == ("program", "answer")

    @pytest.mark.parametrize("options", [{"memory": None}, {"observation": "rlot"}])
    def test_it_needs_somewhere_to_look(self, store, options):
        with pytest.raises(UsageError, match="a memory keeps"):
            ReasoningAgent(ScriptedChatModel(solver), policy="experience", **{"memory": store, **options})

    async def test_the_default_pays_for_a_second_route_as_long_as_that_may_bring_something(self, store):
        async with agent_over(store, policy="default", budget=Budget(max_tokens=100_000)) as agent:
            runs = [
                await agent.asolve(SUM.model_copy(update={"id": f"s{number}", "prompt": f"{SUM.prompt} ({number})"}))
                for number in range(60)
            ]
            spent = agent.components.experience.spent
        studied = [len(run.route) > 2 for run in runs]
        assert all(studied[:5]) and sum(studied[-20:]) < sum(studied[:20])
        dearest = max(run.usage.total_tokens for run in runs) / 1000
        assert spent.studying <= SHARE * (spent.cost - spent.studying) + GRANT + dearest

    async def test_a_policy_of_ones_own_decides_on_its_routes_and_sees_its_hints(self, store):
        async with agent_over(store) as agent:
            assert not agent.components.study.of_routes
        async with agent_over(store, policy="default") as agent:
            assert agent.components.study is agent.components.policy.study


class TestCommands:
    @pytest.fixture
    def memory(self, command_line, monkeypatch):
        monkeypatch.setenv("PILOTAGE_MEMORY", "m")
        return partial(command_line, "memory")

    async def results(self, path):
        tasks = [
            SUM.model_copy(update={"id": f"s{number}", "prompt": f"{SUM.prompt} ({number})", "gold": "42"})
            for number in range(4)
        ]
        with open("tasks.jsonl", "w") as file:
            for task in tasks:
                row = {"id": task.id, "prompt": task.prompt, "answer": task.gold, "kind": "numeric"}
                file.write(json.dumps(row) + "\n")
        async with ReasoningAgent(ScriptedChatModel(solver), policy="fixed:program,answer") as agent:
            lines = [(await agent.asolve(task)).to_json() for task in tasks]
        lines[1]["score"] = None
        lines.append({**lines[0], "task_id": "elsewhere"})
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    async def test_what_somebody_else_has_learnt_meanwhile_counts_once(self, memory, tmp_path, monkeypatch):
        path = tmp_path / "results.jsonl"
        await self.results(path)
        path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")  # a line that stands there twice
        given = ("learn-from", str(path), "--tasks", "tasks.jsonl", "--embedder", "hash", "--json")
        assert memory(*given).json["learnt"] == 3
        monkeypatch.setattr(Records, "known", lambda self, runs: set())  # as they were looked at before
        again = memory(*given).json
        assert again["learnt"] == 0
        assert memory("experience", "--json").json["runs"] == 3

    async def test_graded_results_teach_and_are_taken_back(self, memory, tmp_path):
        path = tmp_path / "results.jsonl"
        await self.results(path)
        given = ("learn-from", str(path), "--tasks", "tasks.jsonl", "--embedder", "hash", "--json")
        told = memory(*given).json
        assert told["learnt"] == 3
        assert [why.split(": ")[1] for why in told["left_out"]] == ["it has no grade", "the given tasks do not hold it"]
        shown = memory("experience", "--json").json
        assert shown["runs"] == 3 and shown["evidence"]["grade"] == 3
        assert [(one["situation"], one["block"], one["known"]) for one in shown["estimates"]] == [
            ("start", "program", 3)
        ]
        assert "start" in memory("experience", SUM.prompt).out
        again = f"undo:{told['run']}"
        assert f"--run {again} brings it back" in memory("undo", "--run", told["run"]).out
        assert memory("experience", "--json").json["runs"] == 0
        assert memory("undo", "--run", again).out == "brought back\n"
        assert memory("experience", "--json").json["runs"] == 3
        memory("undo", "--run", told["run"])
        assert "no runs yet" in memory("experience").out

    def test_an_index_of_the_command_is_that_of_the_agent(self, store):
        registry = installed()
        spec = Observer(registry).spec
        with agent_over(store, policy="experience") as agent:
            assert agent.components.experience is index_of(store, agent.components.model.name, registry.actions, spec)
