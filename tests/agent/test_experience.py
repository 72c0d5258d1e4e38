"""Experience in use: what runs came to is kept, found by likeness, taken back, and decides."""

import numpy as np
import pytest

from pilotage.agent import Budget, Task
from pilotage.agent.blocks import installed
from pilotage.agent.experience.attempts import Attempt, Attempts
from pilotage.agent.experience.index import ExperienceIndex, index_of
from pilotage.agent.experience.records import Record, Records
from pilotage.agent.routing.observation import Observer
from pilotage.agent.state import State
from pilotage.agent.trace import Step, Trace
from pilotage.memory import ConceptStore
from tests.servers import postgres, postgres_url  # noqa: F401  (fixtures)

REGISTRY = installed()
OBSERVER = Observer(REGISTRY)
HARD = "How many letters of the word 'strawberry' come after m?"
EASY = "What is 12 times 12 in apples and pears?"


@pytest.fixture
def store():
    with ConceptStore.temporary() as store:
        yield store


def index(store):
    return ExperienceIndex(store, "m", REGISTRY.actions, OBSERVER.spec)


def tried(*blocks, right=(), given=0, **more):
    return Attempts(tuple(blocks), tuple(right), given, **more)


def kept(index, store, prompt, attempts, run, evidence="verified"):
    vector = store.vectors.embed_query(prompt)
    index.records.put([Record(run, "m", "t", prompt, store.vectors.identity.key, vector, attempts, evidence)])


class TestWhatAnAttemptCameTo:
    def test_the_first_answer_from_there_on_counts_and_what_it_took(self):
        run = tried(
            Attempt("start", "program", None, 0.2),
            Attempt("program, no answer", "reason", 0, 0.3),
            Attempt("reason, answered", "verify", 1, 0.4),
            right=(0.0, 1.0),
            given=1,
        )
        assert run.outcomes() == [
            ("start", "program", 0.0, 0.5),
            ("program, no answer", "reason", 0.0, 0.3),
            ("reason, answered", "verify", 1.0, 0.4),
        ]

    def test_what_nobody_knows_is_left_out(self):
        run = tried(Attempt("start", "program", 0, 0.2), right=(None,))
        assert run.outcomes() == []
        assert run.judged(1.0).outcomes() == [("start", "program", 1.0, 0.2)]
        assert run.judged(0.0).outcomes() == [("start", "program", 0.0, 0.2)]

    def test_an_answer_of_the_block_that_ends_a_run_is_one_of_those_before(self):
        run = tried(Attempt("start", "program", None, 0.2), right=(1.0,), ending=0.1)
        assert run.outcomes() == [("start", "program", 1.0, pytest.approx(0.3))]

    def test_a_run_without_an_answer_was_not_right(self):
        run = tried(Attempt("start", "program", None, 0.2), right=(), given=None)
        assert run.outcomes() == [("start", "program", 0.0, 0.2)]

    def test_a_later_attempt_that_worked_from_the_task_alone_tells_of_the_start_too(self):
        run = tried(
            Attempt("start", "program", 0, 0.2, "program", 0),
            Attempt("program, answered", "verify", 0, 0.3, "reason", 1),
            right=(1.0, 0.0),
        )
        assert run.outcomes() == [
            ("start", "program", 1.0, 0.2),
            ("start", "reason", 0.0, 0.3),
            ("program, answered", "verify", 1.0, 0.3),
        ]

    def test_that_the_given_answer_is_right_says_that_the_others_are_wrong(self):
        run = tried(
            Attempt("start", "program", 0, 0.2),
            Attempt("program, answered", "reason", 1, 0.2),
            right=(None, None),
            given=1,
        )
        assert run.judged(1.0).right == (0.0, 1.0)
        assert run.judged(0.0).right == (None, 0.0)

    def test_it_is_kept_as_it_was(self):
        run = tried(
            Attempt("start", "program", 0, 0.25), right=(None,), ending=0.5, hinted=True, hinting=0.1, writing=1.5
        )
        assert Attempts.from_json(run.to_json()) == run
        assert Attempts.from_json('{"format": 99}') is None


class TestRecords:
    @pytest.fixture(params=["sqlite", "postgresql"])
    def place(self, request, tmp_path):
        return tmp_path / "memory" if request.param == "sqlite" else request.getfixturevalue("postgres_url")

    @pytest.fixture
    def store(self, place):
        with ConceptStore.open(place, embedder="hash") as store:
            yield store

    def test_feedback_is_heard_changed_and_taken_back(self, store):
        records, run = Records(store), tried(Attempt("start", "program", 0, 0.2), right=(None,))
        records.put([Record("r", "m", "t", "f", "e", np.ones(4, np.float32) / 2, run, "")])
        assert records.judge("r", 1.0, "feedback") and not records.judge("r", 1.0, "feedback")
        assert [one.attempts.right for one in records.since()] == [(1.0,)]
        assert records.judge("r", 0.0, "feedback")
        assert [one.attempts.right for one in records.since()] == [(0.0,)]
        assert records.judge("r", None, "feedback")
        assert [(one.attempts.right, one.evidence) for one in records.since()] == [((None,), "")]
        assert not records.judge("nobody's", 1.0, "feedback")

    def test_a_run_is_kept_once_and_undone_and_brought_back(self, store):
        records, run = Records(store), tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        for _ in range(2):
            records.put([Record("r", "m", "t", "f", "e", np.ones(4, np.float32) / 2, run, "verified")])
        assert records.version().records == 1
        assert records.undo("r") and not records.undo("r")
        assert [one.undone for one in records.since()] == [True]
        assert records.undo("r", back=True)
        assert [one.undone for one in records.since()] == [False]

    def test_the_newest_are_kept(self, store):
        records, run = Records(store, most=5), tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        for number in range(8):
            records.put([Record(f"r{number}", "m", "t", "f", "e", np.ones(4, np.float32) / 2, run, "verified")])
        assert [one.run for one in records.since()] == [f"r{number}" for number in range(3, 8)]

    def test_what_was_taken_back_goes_first_and_bringing_back_makes_nothing_newer(self, store):
        records, run = Records(store, most=4), tried(Attempt("start", "program", 0, 0.2), right=(1.0,))

        def put(name):
            records.put([Record(name, "m", "t", "f", "e", np.ones(4, np.float32) / 2, run, "verified")])

        for name in "abcd":
            put(name)
        assert records.undo("c")
        assert records.undo("a") and records.undo("a", back=True)
        put("e")
        assert {one.run for one in records.since()} == {"a", "b", "d", "e"}

    def test_a_command_that_judged_runs_which_were_there_takes_that_back_alone(self, store):
        records, run = Records(store), tried(Attempt("start", "program", 0, 0.2), right=(None,))
        vector = np.ones(4, np.float32) / 2
        records.put([Record("r", "m", "t", "f", "e", vector, run, "")])
        assert records.judge("r", 0.0, "grade", "learn:1")
        assert records.undo("learn:1")
        (kept,) = records.since()
        assert (kept.evidence, kept.attempts, kept.undone) == ("", run, False)

    def test_nothing_is_made_in_a_memory_that_is_only_read(self, store):
        records = Records(store)
        assert (records.version(), records.since(), records.undo("r"), records.judge("r", 1.0, "grade")) == (
            (0, 0, 0),
            [],
            False,
            False,
        )
        with store.ledger.read() as connection:
            assert not connection.dialect.has_table(connection, "experience")

    def test_namespaces_do_not_see_each_other_and_erasing_takes_it_along(self, place):
        run = tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        with (
            ConceptStore.open(place, embedder="hash", namespace="a") as a,
            ConceptStore.open(place, embedder="hash", namespace="b") as b,
        ):
            for store in (a, b):
                Records(store).put([Record("r", "m", "t", "f", "e", np.ones(4, np.float32) / 2, run, "verified")])
            assert Records(a).undo("r")
            assert [one.undone for one in Records(b).since()] == [False]
            a.erase()
            assert Records(b).version().records == 1
        with ConceptStore.open(place, embedder="hash", namespace="a") as again:
            assert Records(again).version().records == 0


class TestIndex:
    def test_it_knows_nothing_without_a_vector_being_made(self, store, monkeypatch):
        monkeypatch.setattr(store.vectors, "embed_query", None)
        assert index(store).columns(HARD) is None
        assert len(index(store)) == 0

    def test_near_runs_have_more_of_a_say_than_far_ones(self, store):
        experience = index(store)
        for number in range(12):
            kept(
                experience,
                store,
                HARD + f" {number}",
                tried(Attempt("start", "program", 0, 0.2), right=(0.0,)),
                f"h{number}",
            )
            kept(
                experience,
                store,
                EASY + f" {number}",
                tried(Attempt("start", "program", 0, 0.2), right=(1.0,)),
                f"e{number}",
            )
        program, start = REGISTRY.actions.index("program"), 0
        hard, easy = (experience.columns(prompt)[start, program] for prompt in (HARD, EASY))
        assert hard < 0.3 and easy > 0.7

    def test_another_process_writes_and_this_one_reads_it(self, tmp_path):
        run = tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        with (
            ConceptStore.open(tmp_path, embedder="hash") as one,
            ConceptStore.open(tmp_path, embedder="hash") as other,
        ):
            here, there = index(one), index(other)
            assert len(here) == 0
            kept(there, other, EASY, run, "r")
            assert len(here) == 1
            there.records.undo("r")
            assert len(here) == 0
            assert here.columns(EASY) is None

    def test_runs_of_one_task_are_one_task(self, store):
        experience, run = index(store), tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        kept(experience, store, EASY, run, "r0")
        once = experience.columns(EASY)
        weight = experience.near(EASY).weights.sum()
        for number in range(1, 20):
            kept(experience, store, EASY, run, f"r{number}")
        assert np.allclose(once, experience.columns(EASY))
        assert experience.near(EASY).weights.sum() == pytest.approx(weight)

    def test_what_a_run_is_going_to_explore_is_counted_until_it_is_kept(self, store):
        experience = index(store)
        experience.reserve("r", 1.5)
        assert experience.spent == (1.5, 1.5, 0.0)
        task = Task(id="t", kind="numeric", prompt=EASY)
        experience.keep(State(task, Trace(steps=(Step(block="program", candidate="42"),)), Budget(), run="r"))
        assert experience.spent.studying == 0.0

    def test_a_run_that_is_never_kept_is_counted_for_an_hour(self, store):
        now = [0.0]
        experience = ExperienceIndex(store, "m", REGISTRY.actions, OBSERVER.spec, clock=lambda: now[0])
        experience.reserve("whose client left", 1.5)
        now[0] = 3_599.0
        assert experience.spent.studying == 1.5
        now[0] = 3_601.0
        assert experience.spent.studying == 0.0

    def test_vectors_of_another_embedder_say_nothing(self, store):
        experience, run = index(store), tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        experience.records.put([Record("r", "m", "t", "f", "another/3/x", np.ones(3, np.float32), run, "verified")])
        assert experience.columns(EASY) is None and len(experience.near(EASY).weights) == 0

    def test_what_another_model_came_to_says_nothing(self, store):
        run = tried(Attempt("start", "program", 0, 0.2), right=(1.0,))
        kept(index(store), store, EASY, run, "r")
        other = ExperienceIndex(store, "another", REGISTRY.actions, OBSERVER.spec)
        assert (len(other), other.columns(EASY), other.spent) == (0, None, (0.0, 0.0, 0.0))
        assert Records(store).models() == {"m": 1}

    def test_agents_on_one_memory_share_one(self, store):
        one, other = (index_of(store, "m", REGISTRY.actions, OBSERVER.spec) for _ in range(2))
        assert one is other
        rlot = Observer(REGISTRY, "rlot")
        assert index_of(store, "m", REGISTRY.actions, rlot.spec) is None
