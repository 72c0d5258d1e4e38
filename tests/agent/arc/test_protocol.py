"""Protocols: what a TOML file may state, and in which sentence it is refused."""

import copy

import pytest

from pilotage.agent.arc.protocol.protocol import read_protocol, shipped_protocols, stated
from pilotage.agent.arc.splits import load_split
from pilotage.agent.errors import UsageError

STATED = {
    "puzzles": {"split": "p.json"},
    "solving": {"temperature": 0.3},
    "repeats": {"seeds": [0]},
    "arm": [{"name": "none", "memory": "none"}, {"name": "taught", "memory": "concepts", "learn_every": 5}],
}


def with_other(**changes):
    """The tables with some of them replaced; a key `a__b` is `b` of the table `a`."""
    tables = copy.deepcopy(STATED)
    for place, value in changes.items():
        name, _, key = place.partition("__")
        if key:
            tables.setdefault(name, {})[key] = value
        else:
            tables[name] = value
    return tables


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"puzzles": {}}, "`puzzles.split` is missing"),
        ({"puzzles__splt": "x"}, "no key `puzzles.splt` (did you mean split?)"),
        ({"solving__retry_criterion": "test"}, "no key `solving.retry_criterion`"),
        ({"solving__retries": "2"}, "`solving.retries`: Input should be a valid integer"),
        ({"solving__retries": True}, "`solving.retries`: Input should be a valid integer"),
        ({"solving__temperature": float("nan")}, "`solving.temperature`"),
        ({"solving__temperature": 3.0}, "`solving.temperature`: Input should be less than or equal to 2"),
        ({"solving__samples": 8}, "`solving.samples`: Input should be less than or equal to 7"),
        ({"repeats": {"seeds": []}}, "`repeats.seeds`: Tuple should have at least 1 item"),
        ({"repeats": {"seeds": [0, 2], "more": 1}}, "no key `repeats.more`"),
        ({"repeats__seeds": [0, 2], "solving__retries": 2}, "choose seeds at least 3 apart"),
        ({"repeats__seeds": [4, 4]}, "would draw the same"),
        ({"puzzles__ids": "x.txt", "puzzles__size": 3}, "ids takes the place of size and seed"),
        ({"arm": []}, "`arm`"),
        ({"arm": [{"name": "a", "memory": "none"}, {"name": "A", "memory": "none"}]}, "'A' is named twice"),
        ({"arm": [{"name": "a b", "memory": "none"}, {"name": "a-b", "memory": "none"}]}, "or as 'a b' is"),
        ({"arm": [{"name": "seeds", "memory": "none"}]}, "named twice"),
        ({"arm": [{"name": "../x", "memory": "none"}]}, "can be no folder's name"),
        ({"arm": [{"name": "a", "memory": "cheatsheet"}]}, "`arm.0.memory`"),
        ({"arm": [{"name": "a", "memory": "none", "learn_every": 3}]}, "no memory, so learn_every says nothing"),
        ({"arm": [{"name": "a", "memory": "lessons"}]}, "the memory of 'a' would stay empty"),
        ({"arm": "a"}, "`arm`"),
        ({"solving": 3}, "`solving`"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_told_in_a_sentence(changes, why):
    with pytest.raises(UsageError, match="the protocol mine cannot be followed") as refused:
        stated(with_other(**changes), "mine")
    assert why in str(refused.value) and "\n" not in str(refused.value), refused.value


def test_a_protocol_says_which_puzzles_and_how_many_programs():
    puzzles = {"split": "arc1:evaluation", "size": 5, "seed": 3}
    protocol = stated(with_other(puzzles=puzzles, solving__samples=3), "mine")
    assert protocol.puzzles.spec() == "arc1:evaluation;size=5;seed=3"
    assert protocol.puzzles.spec(2) == "arc1:evaluation;size=2;seed=3" and protocol.puzzles.spec(9).endswith(
        "=5;seed=3"
    )
    assert protocol.solving.policy == "fixed:program,sample,sample,answer"
    listed = stated(with_other(puzzles={"split": "p.json", "ids": "a,b"}), "mine")
    assert listed.puzzles.spec(1) == "p.json;ids=a,b;size=1"


def test_an_arm_that_nothing_seeds_and_that_learns_nothing_is_refused():
    seeded = [{"name": "a", "memory": "lessons", "seeded": True}]
    with pytest.raises(UsageError, match="'a' is seeded by nothing and learns nothing"):
        stated(with_other(arm=seeded), "mine").require_something_to_recall()
    stated(with_other(arm=seeded, seed={"source": "programs"}), "mine").require_something_to_recall()


def test_every_protocol_that_ships_can_be_followed():
    assert shipped_protocols() == ("arcmemo",)
    for name in shipped_protocols():
        read_protocol(name).require_something_to_recall()


def test_arcmemo_states_what_was_published():
    protocol = read_protocol("arcmemo")
    solving, arms = protocol.solving, {arm.name: arm for arm in protocol.arm}
    assert (solving.temperature, solving.retries, solving.samples, solving.repair) == (0.3, 2, 1, True)
    assert {name: arm.memory for name, arm in arms.items()} == {
        "no memory": "none", "lessons": "lessons", "concepts": "concepts",
    }  # fmt: skip
    assert len(load_split(protocol.puzzles.spec()).puzzles) == 100
    assert {puzzle.id for puzzle in load_split(protocol.puzzles.spec(7)).puzzles} <= {
        puzzle.id for puzzle in load_split(protocol.puzzles.spec()).puzzles
    }, "a limit takes the first of the same puzzles"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("arcmem", "did you mean arcmemo?"),
        ("nowhere.toml", "nowhere.toml cannot be read: No such file"),
        ("x" * 5000 + ".toml", "cannot be read: File name too long"),
    ],
)
def test_a_protocol_that_is_not_there(name, why):
    with pytest.raises(UsageError) as refused:
        read_protocol(name)
    assert why in str(refused.value)


@pytest.mark.parametrize("content", ["[puzzles", "\xff", "a = 1\na = 2", "when = 1979-05-27", "a = " + "[" * 3000])
def test_a_file_that_states_none_is_told_in_a_sentence(tmp_path, content):
    (tmp_path / "x.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError) as refused:
        read_protocol(str(tmp_path / "x.toml"))
    assert "\n" not in str(refused.value) and str(refused.value).count("cannot be") == 1
