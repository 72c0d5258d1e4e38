"""The search of architectures: what is proposed, what is found, what is split, and that a killed search goes on."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from pilotage.agent.banks.sources import Assigned
from pilotage.agent.bench.search.space import Space, in_words, toml_of, trimmed
from pilotage.agent.bench.search.split import split
from pilotage.agent.bench.search.study import JOURNAL, ArchitectureSearch, Judged, front_of
from pilotage.agent.errors import BeyondBudget, UsageError
from pilotage.agent.strategies.composed.archon import Archon
from pilotage.agent.strategies.composed.layers import Critique, Fuse, Generate, Rank, UnitTest, Verify
from pilotage.agent.task import Task
from pilotage.navigator.bank.records import TaskHeader
from tests.agent.bench.conftest import write_tasks

ALONE = {0.4: 0.15, 0.7: 0.25, 1.0: 0.2}
"""How often one draw is right in the world of `worth`, by temperature."""


def worth(file):
    """What an architecture is worth where requirements tell right from wrong, the surer the more there are.

    What is combined is more often wrong. The best is to draw eight times at 0.7, and to order them by three
    requirements, which one proposal of some 150 does.
    """
    first, *others = Archon(file=str(file)).layers
    left, calls, chosen = first.n, first.n, False
    right = alone = ALONE[first.temperature]
    for layer in others:
        calls += layer.calls(left)
        if isinstance(layer, Fuse):
            right, chosen = min(right, alone) / 2, True
        elif isinstance(layer, UnitTest) and not chosen:
            right += layer.tests / 3 * (1 - (1 - alone) ** left - right)
            chosen = True
        left = layer.left(left)
    return Judged(right, 100.0 * calls, float(calls), 1000 * calls)


BEST = 1 - (1 - ALONE[0.7]) ** 8


async def judge(file):
    return worth(file)


def search(folder, **options):
    folder.mkdir(exist_ok=True)
    return ArchitectureSearch(folder, Space(), **options)


def test_where_every_call_fails_nothing_wins(command_line):
    write_tasks("t.jsonl", 4)
    Path("s.json").write_text(json.dumps({"rules": {"": ""}}))
    search = ("bench", "search", "--tasks", "t.jsonl", "--model", "scripted:s.json", "--out", "o", "--sandbox", "none")
    code, _, err = command_line(*search, "--trials", "2", "--no-cache")
    assert code == 1 and "nothing could be judged, since no run of any trial had a usable reply" in err
    assert not Path("o/best.toml").exists() and not Path("o/search.json").exists()


@pytest.mark.parametrize(
    ("layers", "left"),
    [
        ([Generate(n=1), Rank(), Verify(), UnitTest()], [Generate(n=1)]),
        ([Generate(n=2), Critique()], [Generate(n=2)]),
        ([Generate(n=2), Critique(), Verify()], [Generate(n=2), Verify()]),
        ([Generate(n=2), Critique(), Verify(), Fuse()], [Generate(n=2), Critique(), Verify(), Fuse()]),
        ([Generate(n=2), Rank(keep=3)], [Generate(n=2), Rank(keep=2)]),
        ([Generate(n=3), Rank(keep=1), Rank(keep=1)], [Generate(n=3), Rank(keep=1)]),
        ([Generate(n=1), Fuse(n=2), UnitTest()], [Generate(n=1), Fuse(n=2), UnitTest()]),
    ],
)
def test_layers_that_change_nothing_are_left_out(layers, left):
    assert trimmed(layers) == tuple(left)


def test_what_is_proposed_is_what_archon_reads(tmp_path):
    layers = (Generate(n=5, temperature=1.0), Critique(), Rank(keep=2), UnitTest(tests=2), Verify(), Fuse(n=3))
    (tmp_path / "a.toml").write_text(toml_of(layers))
    assert Archon(file=str(tmp_path / "a.toml")).layers == layers
    assert in_words(layers) == "generate 5 at 1, critique, rank 2, unit-test 2, verify, fuse 3"


async def test_the_search_finds_the_best_and_beats_random_draws(tmp_path):
    """Six seeded searches of 40 trials by either sampler: how good the best is, and how good trials are on average."""
    best, average = {}, {}
    for sampler in ("tpe", "random"):
        found = []
        for seed in range(6):
            with search(tmp_path / f"{sampler}{seed}", objective="accuracy", sampler=sampler, seed=seed) as study:
                await study.run(judge, 40)
                found.append([one.judged.accuracy for one in study.tried])
        best[sampler] = [max(one) for one in found]
        average[sampler] = sum(map(sum, found)) / sum(map(len, found))
    assert max(best["tpe"]) == pytest.approx(BEST)
    assert sum(best["tpe"]) > sum(best["random"])
    assert average["tpe"] > 1.3 * average["random"]


async def test_two_objectives_give_a_front_from_one_draw_to_the_best(tmp_path):
    with search(tmp_path / "o") as study:
        await study.run(judge, 40)
        front = front_of(study.tried)
    figures = [(one.judged.accuracy, one.judged.tokens) for one in front]
    assert figures == sorted(figures) and figures[0] == (ALONE[0.7], 100.0)
    assert figures[-1][0] > 2 * ALONE[0.7]
    every = [one.judged for one in study.tried]
    assert not any(
        other.accuracy >= one.judged.accuracy and other.tokens < one.judged.tokens for one in front for other in every
    )


async def test_a_killed_search_makes_the_trials_of_an_undisturbed_one(tmp_path):
    with search(tmp_path / "whole", seed=3) as study:
        await study.run(judge, 20)
        whole = study.tried
    asked = []

    async def dying(file):
        asked.append(file.name)
        if len(asked) == 11:
            raise asyncio.CancelledError
        return worth(file)

    study = search(tmp_path / "o", seed=3)
    with pytest.raises(asyncio.CancelledError):
        await study.run(dying, 20)
    study.close()
    with (tmp_path / "o" / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 9, "wor')  # as a kill in the middle of a write leaves it
    (tmp_path / "o" / f"{JOURNAL}.lock").write_text("")  # and its lock
    with search(tmp_path / "o", seed=3, resume=True) as study:
        assert 10 <= len(study.tried) < 20
        await study.run(judge, 20)
        assert study.tried == whole


@pytest.mark.parametrize("sampler", ["tpe", "random"])
async def test_choices_that_a_kill_kept_from_being_made_are_those_of_an_undisturbed_search(tmp_path, sampler):
    with search(tmp_path / "whole", seed=3, sampler=sampler) as study:
        await study.run(judge, 11)
        whole = study.tried
    lines = (tmp_path / "whole" / JOURNAL).read_bytes().splitlines(keepends=True)
    begun = [place for place, line in enumerate(lines) if json.loads(line)["op_code"] == 4]  # a trial is created
    for number, choices in ((1, 0), (4, 3), (10, 0), (10, 5)):
        folder = tmp_path / f"{number}-{choices}"
        (folder / "architectures").mkdir(parents=True)
        (folder / JOURNAL).write_bytes(b"".join(lines[: begun[number] + 1 + choices]))
        with search(folder, seed=3, sampler=sampler, resume=True) as study:
            await study.run(judge, 11)
            assert study.tried == whole


async def test_an_error_that_is_not_of_the_budget_ends_the_search(tmp_path):
    async def broken(file):
        raise UsageError("the results file is damaged")

    with search(tmp_path / "o") as study:
        with pytest.raises(UsageError, match="damaged"):
            await study.run(broken, 3)
        assert study.tried == []


async def test_a_trial_with_failed_runs_is_named_and_judged_again(tmp_path):
    asked = []

    async def flaky(file):
        asked.append(file.name)
        one = worth(file)
        return replace(one, accuracy=0.0, failed=2) if len(asked) in (2, 3) else one

    with search(tmp_path / "o") as study:
        await study.run(flaky, 5)
        first = study.tried
    assert [one.number for one in first] == [*range(5)]
    assert [one.judged.failed for one in first] == [0, 2, 2, 0, 0]
    with search(tmp_path / "o", resume=True) as study:
        assert [one.number for one in study.tried] == [0, 3, 4]
        await study.run(flaky, 5)
        assert [one.words for one in study.tried] == [one.words for one in first]
        assert not any(one.judged.failed for one in study.tried)
    assert asked[-2:] == asked[1:3]


async def test_the_same_again_costs_nothing_and_what_no_budget_holds_is_named(tmp_path):
    judged = []

    async def small(file):
        judged.append(file.name)
        one = worth(file)
        if one.calls > 8:
            raise BeyondBudget("the budget cannot hold it")
        return one

    with search(tmp_path / "o") as study:
        await study.run(small, 40)
        tried = study.tried
        assert study.spent == sum(one.judged.spent for one in tried if one.judged and not one.again)
    assert len(judged) == len(set(judged)) < len(tried) == 40
    assert {one.why for one in tried if one.judged is None} == {"the budget cannot hold it"}
    assert all(one.judged.calls <= 8 for one in front_of(tried))


async def test_tokens_and_time_end_it(tmp_path):
    with search(tmp_path / "o") as study:
        await study.run(judge, 40, most_tokens=20_000)
        ended = len(study.tried)
        assert 0 < ended < 40 and 20_000 <= study.spent < 200_000
        await study.run(judge, 40, seconds=0)
        assert len(study.tried) == ended


async def test_a_search_is_not_written_over_nor_mixed(tmp_path):
    with search(tmp_path / "o") as study:
        await study.run(judge, 2)
        with pytest.raises(UsageError, match="another process searches"):
            search(tmp_path / "o", resume=True)
    with pytest.raises(UsageError, match="add --resume"):
        search(tmp_path / "o")
    with pytest.raises(UsageError, match="another seed"):
        search(tmp_path / "o", resume=True, seed=1)
    whole = (tmp_path / "o" / JOURNAL).read_bytes()
    untold = b"".join(line for line in whole.splitlines(keepends=True) if b'"told"' not in line)
    deep = b'{"op_code":' + b"[" * 100_000 + b"\n"
    for other in (b'["no journal"]\n', b"notes without a line end", whole + deep, untold, b'{"op_code":99}\n'):
        (tmp_path / "o" / JOURNAL).write_bytes(other)
        with pytest.raises(UsageError, match="is no journal"):
            search(tmp_path / "o", resume=True)
        assert (tmp_path / "o" / JOURNAL).read_bytes() == other


def assigned(number, family="f", text=None):
    task = Task(id=f"{family}{number}", prompt=text or f"{family} {number}?", kind="numeric", gold=1)
    return Assigned(task, TaskHeader(task.id, family, "numeric", "jsonl:t"))


def ids(side):
    return {one.task.id for one in side}


def test_the_split_is_seeded_by_family_and_keeps_copies_together():
    tasks = [assigned(n, family) for family in "abc" for n in range(9)]
    tasks += [assigned(n, "d", text=f"d {n % 3}?") for n in range(12)]
    searched, held = split(tasks, 0.5, seed=1)
    assert ids(searched).isdisjoint(ids(held)) and len(searched) + len(held) == len(tasks)
    assert {one.task.prompt for one in searched}.isdisjoint(one.task.prompt for one in held)
    assert all(4 <= sum(one.header.family == family for one in held) <= 5 for family in "abc")
    shuffled = Random(0).sample(tasks, len(tasks))
    assert ids(split(shuffled, 0.5, seed=1)[1]) == ids(held) != ids(split(tasks, 0.5, seed=2)[1])
    with pytest.raises(UsageError, match="too few"):
        split(tasks[:1], 0.5, seed=1)


def write_world():
    """A script in which requirements tell right from wrong, and nothing else does; and tasks."""
    rules = {
        r"Answer: 480[\s\S]*Does the solution fulfil": "yes",
        "Does the solution fulfil": "no",
        r"Write \d+ short statements": "- It is even.",
        "Rank the solutions": "I cannot say.",
        "Combine what is right": "Answer: 481",
        "says what is right": "[1] fine",
        "Is this solution correct": "no",
        "": [f"Some work.\nAnswer: {number}" for number in (480, 481, 482)],
    }
    Path("s.json").write_text(json.dumps({"rules": rules}))
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}: what is 48 times 10?", "gold": 480} for n in range(16)]
    Path("t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))


SEARCH = ("bench", "search", "--tasks", "t.jsonl", "--model", "scripted:s.json", "--out", "o", "--sandbox", "none")
ROOM = ("--max-calls", "60", "--max-tokens", "30000")


def test_the_command_finds_it_judges_it_apart_and_goes_on(command_line):
    write_world()
    code, out, err = command_line(*SEARCH, *ROOM, "--trials", "9", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert "unit-test" in found["best"]["words"]
    assert set(found["search_tasks"]).isdisjoint(found["held_out_tasks"])
    assert len(found["trials"]) == 9 and "trial 9 of 9: " in err
    one_draw, winner = found["held_out"]["methods"]
    assert found["held_out"]["setting"]["tasks"] == len(found["held_out_tasks"]) == 8
    assert winner["accuracy"] > one_draw["accuracy"]
    runs = [json.loads(line) for path in Path("o/runs").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert {run["task_id"] for run in runs} == set(found["search_tasks"])
    code, out, err = command_line(*SEARCH, *ROOM, "--trials", "9", "--resume")
    assert code == 0 and "trial" not in err, err
    assert found["best"]["words"] in out and 'next: --policy "strategy:archon;file=' in out
    journal = Path("o", JOURNAL).read_text()
    Path("t.jsonl").write_text(Path("t.jsonl").read_text().replace("480}", "481}"))
    code, _, err = command_line(*SEARCH, *ROOM, "--trials", "9", "--resume")
    assert code == 2 and "another set of right answers" in err and Path("o", JOURNAL).read_text() == journal
    policy = ("--policy", found["policy"])
    code, out, _ = command_line(
        "solve", "What is 48 times 10?", "--model", "scripted:s.json", "--sandbox", "none", *policy, *ROOM
    )
    assert code == 0 and "48" in out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--held-out", "1"), "share between 0 and 1"),
        (("--limit", "1"), "too few"),
        (("--max-tokens", "10"), "tokens"),
        (("--out", "a;b"), "semicolon"),
        (("--minutes", "0"), "leaves no time for a trial"),
        (("--prices", "none.toml"), "none.toml"),
    ],
)
def test_bad_input_is_one_sentence_before_any_call(command_line, options, why):
    write_world()
    code, out, err = command_line(*SEARCH, *options)
    assert code != 0 and why in err and "Traceback" not in err, err
    assert not out and not list(Path().rglob("runs/*.jsonl.run"))
    assert options[0] != "--minutes" or not Path("o").exists()
