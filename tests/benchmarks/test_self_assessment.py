"""What self-assessments cost and tell: figures known by construction, and a sentence for a bank that has none."""

import numpy as np
import pytest
import self_assessment

from pilotage.agent.routing.self_scores import FEATURES
from pilotage.navigator.bank.records import BankMeta, Node
from pilotage.navigator.spaces import ObservationSpec
from tests.navigator.banks import learnable_bank, usage, write_bank
from tests.navigator.rlot_banks import ACTIONS

META = BankMeta(ACTIONS, ObservationSpec(FEATURES), preset="rlot", model="scripted", prompt_hash="0" * 16)
STATE = {
    "mask": ACTIONS.mask(["reason"]).tolist(),
    "candidate": "1",
    "evidence": {},
    "text": "",
    "answer_usage": usage(0),
}


def tree(right, scores):
    """A start and one step, of which 30 of 120 tokens are its assessment; a charge of another kind is none."""
    charges = [{"by": "rlot", "usage": usage(30)}, {"by": "learning", "usage": usage(60)}]
    start = Node("r", None, None, [-1.0] * 7, usage=usage(0), answer="1", score=0.0, **STATE)
    after = {"usage": usage(120), "answer": "1", "score": right, "extras": {"charges": charges}}
    return [start, Node("r/reason", "r", "reason", scores, **after, **STATE)]


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    def run(path):
        monkeypatch.setattr("sys.argv", ["self_assessment.py", str(path)])
        self_assessment.main()
        return capsys.readouterr().out

    return run


def test_a_score_that_tells_all_is_told_from_one_that_tells_nothing_and_one_that_is_unknown(tmp_path, printed):
    trees = {f"t{n}": tree(float(n % 2), [3.0 if n % 2 else 1.0, 2.0, n % 2 - 1.0, 0, 0, 0, 0]) for n in range(12)}
    said = printed(write_bank(tmp_path / "bank", trees, META).path).splitlines()
    assert said[0] == "12 steps on 12 tasks, 50% of them right"
    assert said[1] == "self-assessment: 25% of their tokens, 20 completion tokens a step"
    assert said[2] == "most frequent: 1 2 -1 0 0 0 0 (50%); 3 2 0 0 0 0 0 (50%)"
    assert said[5].split() == ["a1_modelling", "2.00", "0.0%", "1.00", "(1.00", "to", "1.00)"]
    assert said[6].split() == ["a2_clarity", "2.00", "0.0%", "0.50", "(0.50", "to", "0.50)"]
    assert said[7].split() == ["a3_calculation", "0.00", "50.0%", "all", "end", "alike"]  # known after right steps only


def test_the_auc_is_the_chance_that_a_right_step_has_the_higher_score():
    right = np.array([True, True, False, False])
    drawn = np.random.default_rng(0).multinomial(4, [0.25] * 4, size=500)
    told = self_assessment.told("c1", np.array([3.0, 1.0, 2.0, 1.0]), right, drawn)
    assert told.auc == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert told.interval[0] < told.auc < told.interval[1]


def test_a_bank_without_assessments_is_refused(tmp_path, printed):
    with pytest.raises(SystemExit, match="holds no self-assessments; record one with --preset rlot"):
        printed(learnable_bank(tmp_path / "free", tasks=2, depth=1).path)
