import os

import pytest

from pilotage.navigator import ActionSpec, Feature, ObservationSpec, PolicyError
from pilotage.navigator.policies.provenance import provenance
from pilotage.navigator.policies.rules.rule_file import load_rules

ACTIONS = ActionSpec(("reason", "program", "answer"))
OBSERVATIONS = ObservationSpec((Feature("candidates", 0, 8), Feature("logprob", -20, 0)))
RULES = """
[[rule]]
do = "program"
why = "nothing yet"
when = { candidates = "== 0" }

[[rule]]
do = "reason"
when = { candidates = "<= 2", logprob = "< -0.5" }
"""


def policy(tmp_path, text):
    (tmp_path / "mine.toml").write_text(text)
    return load_rules(tmp_path / "mine.toml", ACTIONS, OBSERVATIONS)


@pytest.mark.parametrize(
    ("candidates", "logprob", "legal", "action", "why"),
    [
        (0, -1, ["program", "reason"], "program", "nothing yet"),
        (0, -1, ["reason"], "reason", "a rule of the file"),
        (1, -1, ["program", "reason"], "reason", "a rule of the file"),
        (1, -0.1, ["program", "reason"], "answer", "no rule asks for more"),
        (3, -1, ["program", "reason"], "answer", "no rule asks for more"),
    ],
)
def test_a_rule_file_decides_as_it_reads(tmp_path, candidates, logprob, legal, action, why):
    rules = policy(tmp_path, RULES)
    seen = OBSERVATIONS.vector({"candidates": candidates, "logprob": logprob})
    decision = rules.decide(seen, ACTIONS.mask(legal))
    assert (ACTIONS.names[decision.action], decision.why) == (action, why)
    assert rules.name == "rules:mine.toml"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no"),
        ("rule = 3", "holds no"),
        ("[[rule]", "is no rule file"),
        ("[[rule]]\nwhy = 'x'", "rule 1: name the action"),
        ("[[rule]]\ndo = 'ponder'", "rule 1: unknown action 'ponder'"),
        ("rule = [1]", r"rule 1: a rule is a table, \[\[rule\]\]"),
        ("[[rule]]\ndo = 'reason'\nif = 'x'", "unknown key 'if'"),
        ("[[rule]]\ndo = 'reason'\nwhen = { mood = '> 0' }", "unknown feature 'mood'"),
        ("[[rule]]\ndo = 'reason'\nwhen = { candidates = 'many' }", "is no condition"),
        ("[[rule]]\ndo = 'reason'\nwhen = 'always'", "when is a table"),
        ("version = 9\n[[rule]]\ndo = 'reason'", "unknown key 'version'"),
        ("[[rule]]\ndo = 'reason'\n[fitted]\nmodel = 'm'", "names the tasks"),
        ("[[rule]]\ndo = 'reason'\n[fitted]\ntasks = [1]", "names the tasks"),
    ],
)
def test_a_wrong_rule_file_says_which_rule_and_why(tmp_path, text, complaint):
    with pytest.raises(PolicyError, match=complaint):
        policy(tmp_path, text)


def test_a_rule_file_says_what_it_was_fitted_to_and_may_begin_with_a_mark(tmp_path):
    rules = policy(tmp_path, "\ufeff[[rule]]\ndo = 'reason'\n[fitted]\ntasks = ['a', 'b']")
    assert provenance(rules).tasks == {"a", "b"}


def test_a_pipe_is_no_rule_file_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(PolicyError, match="(?i)not an ordinary file"):
        load_rules(tmp_path / "pipe.toml", ACTIONS, OBSERVATIONS)


def test_a_missing_rule_file_is_named(tmp_path):
    with pytest.raises(PolicyError, match="none.toml"):
        load_rules(tmp_path / "none.toml", ACTIONS, OBSERVATIONS)
