"""What others bring by an entry point is checked when it is loaded, and told in one sentence where it is none."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from pilotage.agent import ReasoningAgent, ScriptedChatModel, Task
from pilotage.agent.blocks import installed
from pilotage.agent.errors import TaskError, UsageError
from pilotage.agent.tasks import SOURCES, Source, TaskDefect, load_tasks
from pilotage.agent.tasks.grading import GRADERS, Grade, _installed, grader_for, require_grader, score_of
from pilotage.memory import ConceptDraft, ConceptStore
from pilotage.memory.errors import IndexUnreachable

ROOT = Path(__file__).parents[1]
BY_NEARLY = Task(id="t", prompt="How many?", kind="numeric", gold=100, metadata={"grader": "own"})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a distribution: entry points by group, and the module `brought` that they name."""

    def install(groups, module=""):
        (tmp_path / "brought.py").write_text(module)
        info = tmp_path / "brought-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1\n")
        lines = (f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in g.items()) for group, g in groups)
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(str(tmp_path))

    _installed.cache_clear()
    yield install
    _installed.cache_clear()
    for name in ("brought", *(path.stem for path in (ROOT / "examples").glob("own_*.py"))):
        sys.modules.pop(name, None)


async def test_every_entry_point_that_the_docs_show_works_as_they_show_it(install, monkeypatch, tmp_path):
    page = (ROOT / "docs" / "extending.md").read_text()
    blocks = [tomllib.loads(toml) for toml in re.findall(r"^ *```toml\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)]
    groups = [
        (group, names) for block in blocks for group, names in block.get("project", {}).get("entry-points", {}).items()
    ]
    assert {group for group, _ in groups} == {f"pilotage.{part}" for part in ("blocks", "tasks", "graders", "indexes")}
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    install(groups)
    assert "estimate" in installed().actions.names
    task = list(load_tasks("crates:pens;offset=3;size=1"))[0]
    assert [await score_of(task, answer) for answer in ("480", "470", "1", None)] == [1.0, 0.5, 0.0, 0.0]
    with ConceptStore.open(tmp_path / "memory", embedder="hash", index="half://") as store:
        store.add(ConceptDraft(title="Round up"))
        assert [hit.concept.title for hit in store.search("round up")] == ["Round up"]
        assert type(store._vectors._view._view).__name__ == "HalfPrecision"


SOURCES_OF_OTHERS = """
from pilotage.agent import Task
from pilotage.agent.tasks import Source, TaskDefect
def plain(spec):
    "Riddles: `own:TOPIC;size=N`."
    yield from spec.chosen([Task(id="a", prompt=spec.target), {"id": "b", "prompt": "b?"}, "c?"])
    yield TaskDefect("own", 4, "torn")
def listed(spec): return ["one?"]
whole = Source("own", "own:ANY", listed)
number = 3
def none(): ...
def nothing(spec): ...
def text(spec): return "a question?"
def odd(spec): yield 3
def fails(spec): raise RuntimeError("down")
def later(spec):
    yield "one?"
    raise RuntimeError("down")
"""


def source(install, name):
    install([("pilotage.tasks", {"own": f"brought:{name}", "broken": "nowhere:x"})], SOURCES_OF_OTHERS)


def test_a_plain_function_is_a_task_source(install):
    source(install, "plain")
    tasks = load_tasks("own:time")
    assert [(task.id, task.prompt) for task in tasks][:2] == [("a", "time"), ("b", "b?")]
    assert [task.prompt for task in load_tasks("own:x;offset=1;size=1")] == ["b?"]
    assert tasks.defects == [TaskDefect("own", 4, "torn")]
    with pytest.raises(UsageError, match=r"use FILE.jsonl, .*, broken:\.\.\., own:TOPIC;size=N$"):
        load_tasks("sphinx:time")


@pytest.mark.parametrize("name", ["listed", "whole"])
def test_a_list_and_a_source_are_as_good(install, name):
    source(install, name)
    tasks = load_tasks("own:time")
    assert [task.prompt for task in tasks] == [task.prompt for task in tasks] == ["one?"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("number", "is 3, which is no task source: write a function"),
        ("none", "is the function 'none', which is no task source"),
        ("missing", "cannot be loaded (AttributeError"),
        ("nothing", "gave None: it has to give tasks one by one"),
        ("text", "gave 'a question?': it has to give tasks"),
        ("odd", "gave 3: `task` is no task"),
        ("fails", "failed: RuntimeError: down"),
        ("later", "failed: RuntimeError: down"),
    ],
)
def test_what_is_no_task_source_is_one_sentence_that_names_it(install, name, said):
    source(install, name)
    with pytest.raises(UsageError) as raised:
        list(load_tasks("own:time"))
    assert str(raised.value).startswith(f"the entry point 'own' in pilotage.tasks (brought:{name}) {said}")
    assert "\n" not in str(raised.value)


def test_a_broken_source_is_in_no_other_ones_way(install, tmp_path):
    source(install, "plain")
    (tmp_path / "t.jsonl").write_text('{"prompt": "one?"}\n')
    assert [task.prompt for task in load_tasks(str(tmp_path / "t.jsonl"))] == ["one?"]
    with pytest.raises(UsageError, match=r"'broken' in pilotage.tasks \(nowhere:x\) cannot be loaded"):
        load_tasks("broken:x")


def test_a_process_adds_sources_of_its_own(monkeypatch):
    monkeypatch.setitem(SOURCES, "mine", lambda spec: [spec.target])
    assert [task.prompt for task in load_tasks("mine:why?")] == ["why?"]
    monkeypatch.setitem(SOURCES, "mine", Source("mine", "mine:X", lambda spec: iter([spec.target])))
    assert [task.prompt for task in load_tasks("mine:why?")] == ["why?"]


GRADERS_OF_OTHERS = """
from pilotage.agent.tasks.grading import Grade
def score(task, answer): return 0.25
def truth(task, answer): return answer == "right"
def graded(task, answer): return Grade(0.25)
async def waits(task, answer): return 0.25
class Whole:
    async def grade(self, task, answer): return Grade(0.25)
class Plain:
    def grade(self, task, answer): return 0.25
made = Plain()
class Needs:
    def __init__(self, key): ...
    def grade(self, task, answer): ...
class Empty: ...
number = 3
def short(task): ...
def much(task, answer): return 7
def text(task, answer): return "good"
def fails(task, answer): raise RuntimeError("down")
"""


def grader(install, name):
    install([("pilotage.graders", {"own": f"brought:{name}"})], GRADERS_OF_OTHERS)


@pytest.mark.parametrize("name", ["score", "graded", "waits", "Whole", "Plain", "made"])
async def test_a_function_or_a_class_is_a_grader(install, name):
    grader(install, name)
    require_grader(BY_NEARLY)
    assert await grader_for(BY_NEARLY).grade(BY_NEARLY, "9") == Grade(0.25)
    assert await score_of(BY_NEARLY, None) == 0.0


async def test_a_grader_may_say_yes_or_no(install):
    grader(install, "truth")
    assert [await score_of(BY_NEARLY, answer) for answer in ("right", "wrong")] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "cannot be loaded (AttributeError"),
        ("Needs", "is a class that cannot be made without arguments (TypeError"),
        ("Empty", "is an object of the class 'Empty', which grades nothing: write a function"),
        ("number", "is 3, which grades nothing"),
        ("short", "is the function 'short', which grades nothing"),
    ],
)
@pytest.mark.parametrize("by", ["agent", "file"])
def test_what_is_no_grader_is_told_before_anything_is_spent(install, tmp_path, name, said, by):
    grader(install, name)
    model = ScriptedChatModel(lambda _: "Answer: 4")
    if by == "file":
        (tmp_path / "t.jsonl").write_text('{"prompt": "How many?", "grader": "own"}\n')
        tasks = load_tasks(str(tmp_path / "t.jsonl"))
        assert not list(tasks)
        told = tasks.defects[0].message
    else:
        with ReasoningAgent(model, sandbox="none") as agent, pytest.raises(TaskError) as raised:
            agent.solve(BY_NEARLY)
        told = str(raised.value)
    assert told.startswith(f"the entry point 'own' in pilotage.graders (brought:{name}) {said}")
    assert not model.calls


@pytest.mark.parametrize(
    ("name", "said"),
    [("much", "gave 7: it has to return a score"), ("text", "gave 'good': it has"), ("fails", "RuntimeError: down")],
)
async def test_a_grader_that_gives_no_grade_is_one_sentence(install, name, said):
    grader(install, name)
    with pytest.raises(TaskError) as raised:
        await score_of(BY_NEARLY, "9")
    assert said in str(raised.value)


async def test_a_process_adds_graders_of_its_own(monkeypatch):
    monkeypatch.setitem(GRADERS, "own", lambda task, answer: answer == "yes")
    assert await score_of(BY_NEARLY, "yes") == 1.0


BLOCKS_OF_OTHERS = """
from pilotage.agent import Block
class Fine(Block):
    name = "fine"
    def applicable(self, state): return True
    async def run(self, state, kit): ...
made = Fine()
class Half(Block):
    name = "half"
class Nameless(Fine):
    name = None
class Other: ...
number = 3
"""


@pytest.mark.parametrize("name", ["Fine", "made"])
def test_a_block_is_installed(install, name):
    install([("pilotage.blocks", {"own": f"brought:{name}"})], BLOCKS_OF_OTHERS)
    assert installed().actions.names[-2:] == ("fine", "answer")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "cannot be loaded (AttributeError"),
        ("Half", "is no block that can be made (TypeError"),
        ("number", "is no block that can be made (TypeError"),
        ("Nameless", "is an object of the class 'Nameless', which is no block"),
        ("Other", "is an object of the class 'Other', which is no block"),
    ],
)
def test_what_is_no_block_is_one_sentence_that_names_it(install, name, said):
    install([("pilotage.blocks", {"own": f"brought:{name}"})], BLOCKS_OF_OTHERS)
    with pytest.raises(UsageError) as raised:
        installed()
    assert str(raised.value).startswith(f"the entry point 'own' in pilotage.blocks (brought:{name}) {said}")


INDEXES_OF_OTHERS = """
number = 3
def short(url): ...
def nothing(url, ledger, namespace, identity): ...
def fails(url, ledger, namespace, identity): raise RuntimeError("down")
class Bad:
    def __init__(self, *arguments): ...
    def nearest(self, query, limit, last): return ["a"]
    def close(self): ...
class Fails(Bad):
    def nearest(self, query, limit, last): raise RuntimeError("down")
class Damaged(Bad):
    def nearest(self, query, limit, last):
        from pilotage.memory.errors import IndexCorrupt
        raise IndexCorrupt("torn")
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "cannot be loaded (AttributeError"),
        ("number", "is 3, which opens no index"),
        ("short", "is the function 'short', which opens no index"),
        ("nothing", "opened None, which is no index"),
        ("fails", "failed (RuntimeError: down)"),
        ("Bad", "found ['a']: `nearest` has to return a list of Neighbours"),
        ("Fails", "failed (RuntimeError: down)"),
        ("Damaged", "failed (IndexCorrupt: torn)"),
    ],
)
def test_what_is_no_index_is_one_sentence_and_the_memory_is_whole(install, tmp_path, name, said):
    install([("pilotage.indexes", {"own": f"brought:{name}"})], INDEXES_OF_OTHERS)
    place = tmp_path / "memory"
    with ConceptStore.open(place, embedder="hash") as store:
        store.add(ConceptDraft(title="Round up"))
    with pytest.raises(IndexUnreachable) as raised, ConceptStore.open(place, embedder="hash", index="own://x") as store:
        store.search("round up")
    assert str(raised.value).startswith(f"the entry point 'own' in pilotage.indexes (brought:{name}) {said}")
    with ConceptStore.open(place, embedder="hash") as store:
        assert store.search("round up")


@pytest.mark.parametrize("url", ["other://x", "own", "", "http:/x"])
def test_a_url_that_names_no_index_is_refused_when_the_memory_is_opened(tmp_path, url):
    with pytest.raises(IndexUnreachable, match="is no address of a Chroma server"):
        ConceptStore.open(tmp_path / "memory", embedder="hash", index=url)
