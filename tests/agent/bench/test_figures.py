"""Figures: held against what is known of results that were made by hand, and of models of known skill."""

import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pilotage.agent.bench.curves import Stream, lengths
from pilotage.agent.bench.figures import Terms, figures_of
from pilotage.agent.bench.outcomes import Outcomes
from pilotage.agent.bench.report.page import page
from pilotage.agent.bench.schema import CostModel
from pilotage.agent.models.prices import Price
from pilotage.agent.task import Task
from pilotage.agent.trace import Usage
from pilotage.common.statistics import mcnemar_exact
from tests.agent.bench.conftest import lines

SETTING = {"model": "m", "repeats": 1, "seed": 0, "budget": {}}


def drew(draws):
    """A step of a strategy whose draws do not depend on each other."""
    return {"block": "strategy.self-consistency", "draws": draws}


def line(score, read=100, written=50, **more):
    usage = {"prompt_tokens": read, "completion_tokens": written, "cached_tokens": 0, "llm_calls": 1, "seconds": 0.5}
    return {"score": score, "answer": "a", "usage": usage, "steps": [], "stopped_by": "answer"} | more


def outcomes(name, scores, **more):
    """One method that scored so on so many tasks, one run each; a score may be a list of those of several repeats."""
    tasks = tuple(Task(id=f"t{n}", prompt="?", kind="text", gold="a") for n in range(len(scores)))
    families = tuple("even" if n % 2 == 0 else "odd" for n in range(len(scores)))
    found = [[line(one, **more) for one in (each if isinstance(each, list) else [each])] for each in scores]
    return Outcomes(name, tasks, families, found)


def test_costs_are_weighed_as_stated_and_priced_as_given():
    terms = Terms(CostModel(prompt=1, decode=4), Price(input=1.0, output=10.0), bootstrap=200)
    data = figures_of([outcomes("one", [1.0, 0.0])], SETTING, terms, [])
    (one,) = data.methods
    assert one.accuracy == 0.5 and one.idealised == pytest.approx(0.3) and one.cost == pytest.approx(0.15)
    assert one.money == pytest.approx((100 * 1 + 50 * 10) / 1e6)
    assert figures_of([outcomes("one", [1.0])], SETTING, Terms(bootstrap=200), []).methods[0].money is None


def test_a_method_that_paid_nothing_has_no_price_where_none_is_known():
    nothing = Usage().model_dump(mode="json")
    methods = [outcomes("one", [1.0]), outcomes("failed", [0.0], usage=nothing)]
    assert [one.money for one in figures_of(methods, SETTING, Terms(bootstrap=200), []).methods] == [None, None]
    priced = figures_of(methods, SETTING, Terms(price=Price(input=1.0, output=10.0), bootstrap=200), [])
    assert priced.methods[1].money == 0


def test_each_token_is_weighed_and_priced_by_the_model_that_it_is_of():
    usage = Usage(prompt_tokens=100, completion_tokens=50, llm_calls=1) + Usage(
        prompt_tokens=200, completion_tokens=10, llm_calls=1
    ).by("large")
    two = outcomes("two", [1.0], usage=usage.model_dump(mode="json"))
    prices = {"large": Price(input=5.0, output=20.0), "idle": Price(input=1.0, output=1.0)}
    terms = Terms(CostModel(prompt=1, decode=4, models={"large": 6}), Price(input=1.0, output=10.0), prices, 200)
    data = figures_of([two], SETTING, terms, [])
    (one,) = data.methods
    assert one.money == pytest.approx((100 * 1 + 50 * 10 + 200 * 5 + 10 * 20) / 1e6)
    assert one.idealised == pytest.approx((100 + 4 * 50 + 6 * (200 + 4 * 10)) / 1000)
    assert one.others == {"large": pytest.approx(0.21)} and one.cost == pytest.approx(0.36)
    assert list(data.setting.other_prices) == ["large"] and len(data.notes) == 1, "that there is one task"
    assert "large" in page(data, {}) and "6 times as much" in page(data, {})

    untold = figures_of([two], SETTING, Terms(CostModel(), Price(input=1.0, output=10.0), bootstrap=200), [])
    assert untold.methods[0].money is None and untold.methods[0].idealised == pytest.approx((300 + 4 * 60) / 1000)
    assert any("--model-weight" in note for note in untold.notes)
    assert any("Money is unknown where large was asked" in note for note in untold.notes)


def test_a_bench_of_two_models_prices_each(bench):
    Path("s.json").write_text(json.dumps({"rules": {"": "It is 480.\nAnswer: 480"}}))
    Path("l.json").write_text(json.dumps({"rules": {"": "It is so.\nAnswer: 480"}}))
    Path("p.toml").write_text('["scripted:s.json"]\ninput=0\noutput=0\n["scripted:l.json"]\ninput=1e6\noutput=0\n')
    methods = ("fixed:reason,answer", "strategy:cascade;large=scripted:l.json;threshold=1.1")
    found = bench("--model", "scripted:s.json", "--prices", "p.toml", "--model-weight", "scripted:l.json=3", "--json",
                  methods=methods).json  # fmt: skip
    alone, large = found["methods"]
    assert alone["money"] == 0 and large["money"] == pytest.approx(large["prompt_tokens"]) and large["money"] > 0
    assert large["others"]["scripted:l.json"] == pytest.approx(large["cost"])
    assert large["idealised"] == pytest.approx(3 * (large["prompt_tokens"] + 4 * large["completion_tokens"]) / 1000)
    for wrong in ("large", "=3", "large=x", "large=-1", "large=nan"):
        refused = bench("--model-weight", wrong, "--resume")
        assert refused.code == 2 and "write MODEL=TIMES" in refused.err and len(refused.err.splitlines()) == 1


def test_each_is_compared_with_the_first_by_the_exact_test_adjusted_for_their_number():
    first, better, same = [0.0] * 10 + [1.0] * 4, [1.0] * 12 + [0.0] * 2, [0.0] * 10 + [1.0] * 4
    data = figures_of(
        [outcomes("first", first), outcomes("better", better, read=200), outcomes("same", same)],
        SETTING, Terms(bootstrap=500), [],
    )  # fmt: skip
    one, other = data.comparisons
    assert (one.better, one.worse, one.against) == (10, 2, "first")
    assert one.mcnemar_p == pytest.approx(mcnemar_exact(10, 2)) and one.holm_p == pytest.approx(
        2 * mcnemar_exact(10, 2)
    )
    assert one.difference == pytest.approx(8 / 14) and one.interval[0] > 0
    assert one.cost_ratio == pytest.approx(250 / 150)
    assert other.holm_p == 1 and other.difference == 0 and data.setting.adjusted_for == 2


def test_a_task_is_the_unit_whatever_the_repeats():
    once = figures_of([outcomes("a", [1.0, 0.0, 1.0]), outcomes("b", [0.0] * 3)], SETTING, Terms(bootstrap=500), [])
    often = figures_of(
        [outcomes("a", [[1.0] * 5, [0.0] * 5, [1.0] * 5]), outcomes("b", [[0.0] * 5] * 3)],
        SETTING | {"repeats": 5}, Terms(bootstrap=500), [],
    )  # fmt: skip
    assert often.methods[0].accuracy_interval == once.methods[0].accuracy_interval
    assert often.comparisons == once.comparisons and often.setting.pairs == 15
    mixed = figures_of([outcomes("a", [[1.0, 0.0], [1.0, 1.0]])], SETTING | {"repeats": 2}, Terms(bootstrap=500), [])
    assert mixed.methods[0].by_repeat == (1.0, 0.5) and mixed.methods[0].accuracy == 0.75
    assert mixed.together.oracle == 0.75  # of one method it is the method


def test_repeats_are_counted_by_runs_and_nothing_contradicts_anything():
    a, b = [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    data = figures_of([outcomes("a", a), outcomes("b", b)], SETTING | {"repeats": 2}, Terms(bootstrap=200), [])
    (pair,) = data.comparisons
    assert (pair.better, pair.worse) == (1, 2) and pair.difference == -1 / 8
    both = data.together
    assert both.only == {"a": ("t0",), "b": ("t2",)} and (both.by_all, both.by_none) == (0, 1)
    assert both.oracle == (0.5 + 1 + 0.5) / 4 <= 1 - both.by_none / 4
    html = page(data, {})
    assert "Every run of every method solves 0 tasks, no run solves 1 task." in html and "in the same repeat" in html


def test_what_a_task_cost_before_it_was_tried_again_counts_and_what_went_over_the_limit_is_told():
    usage = line(1.0)["usage"]
    again = outcomes("again", [1.0, 1.0], earlier={"runs": 2, "usage": usage})
    data = figures_of([again], SETTING | {"budget": {"max_tokens": 140}}, Terms(bootstrap=200), [])
    (one,) = data.methods
    assert (one.prompt_tokens, one.completion_tokens, one.calls, one.cost) == (200, 100, 2, 0.3)
    assert (one.over_max_tokens, one.most_over) == (2, 10), "a run, not what came before it"
    assert any("2 of 2 runs of again took more than their limit of 140 tokens, by 10 at most" in n for n in data.notes)
    kept = figures_of([again], SETTING | {"budget": {"max_tokens": 150}}, Terms(bootstrap=200), [])
    assert kept.methods[0].over_max_tokens == 0 and not any("limit" in note for note in kept.notes)


def test_what_the_methods_reach_together():
    data = figures_of(
        [outcomes("a", [1.0, 1.0, 0.0, 0.0, 1.0]), outcomes("b", [1.0, 0.0, 1.0, 0.0, 1.0])],
        SETTING, Terms(bootstrap=500), [],
    )  # fmt: skip
    both = data.together
    assert both.oracle == 0.8 and both.only == {"a": ("t1",), "b": ("t2",)}
    assert (both.by_all, both.by_none, both.best_single, both.best_single_accuracy) == (2, 1, "a", 0.6)
    shares = {part.family: part.policies["a"].accuracy for part in data.families}
    assert shares == {"even": pytest.approx(2 / 3), "odd": 0.5}


def stream(candidates, scores, tokens=10):
    usage = {"prompt_tokens": tokens, "completion_tokens": 0}
    draws = [{"candidate": one, "usage": usage} for one in candidates]
    task = Task(id="t", prompt="?", kind="numeric", gold="1")
    return Stream.of(task, {"steps": [drew(draws)], "draw_scores": scores})


def test_draws_vote_in_their_order_and_ties_count_as_their_mean():
    one = stream(["1.0", "2", None, "1", "2", "2"], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    assert one.votes.tolist() == [0, 1, 0.5, 0.5, 1, 0.5, 0]  # 1.0 and 1 are one answer; who abstains has no vote
    assert one.oracle.tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert one.blind == pytest.approx([0, 1, 1 / 2, 1 / 3, 2 / 4, 2 / 5, 2 / 6])
    assert [one.within(limit) for limit in (0.0, 0.009, 0.01, 0.035, 9.0)] == [0, 0, 1, 3, 6]
    assert stream(["1"], [None]) is None and stream([], []) is None
    assert lengths(5) == [1, 2, 3, 4, 5] and lengths(500)[-1] == 500 and len(lengths(500)) <= 40


def test_curves_reach_what_theory_says():
    """p = .6 of two answers: a vote of 3 is right with .648, of 9 with .733; any of 3 with 1 - .4^3."""
    generator, found = np.random.default_rng(0), []
    for _ in range(3000):
        right = generator.random(9) < 0.6
        usage = {"prompt_tokens": 5, "completion_tokens": 5}
        draws = [{"candidate": "right" if one else "wrong", "usage": usage} for one in right]
        score = float(right.sum() > 4)
        found.append([line(score, steps=[drew(draws)], draw_scores=right.astype(float).tolist())])
    tasks = tuple(Task(id=f"t{n}", prompt="?", kind="text") for n in range(3000))
    method = Outcomes("vote", tasks, ("f",) * 3000, found)
    (curve,) = figures_of([method], SETTING, Terms(bootstrap=200), []).curves
    near = 4 * (0.25 / 3000) ** 0.5
    assert curve.by_draws[2].accuracy == pytest.approx(0.648, abs=near)
    assert curve.by_draws[8].accuracy == pytest.approx(0.733, abs=near) == curve.own
    assert curve.by_draws[2].oracle == pytest.approx(1 - 0.4**3, abs=near)
    assert all(point.blind == pytest.approx(0.6, abs=near) for point in curve.by_draws)
    assert [point.cost for point in curve.by_draws] == pytest.approx([0.01 * n for n in range(1, 10)])
    assert curve.by_tokens[-1].accuracy == curve.by_draws[-1].accuracy and curve.by_tokens[0].draws == 1


def test_a_long_stream_of_different_answers_is_read_in_a_moment():
    usage = {"prompt_tokens": 5, "completion_tokens": 5}
    draws = [{"candidate": f"answer {n}", "usage": usage} for n in range(1500)] + [{"candidate": None, "usage": usage}]
    begun = time.perf_counter()
    stream = Stream.of(Task(id="t", prompt="?"), {"steps": [drew(draws)], "draw_scores": [1.0] + [0.0] * 1500})
    assert stream is not None and time.perf_counter() - begun < 5
    assert stream.votes[[1, 2, 1000, 1500, 1501]].tolist() == pytest.approx([1, 1 / 2, 1 / 1000, 1 / 1500, 1 / 1500])


def test_methods_that_draw_are_compared_at_the_same_limits():
    few, many = (
        Outcomes(
            name,
            (Task(id="t", prompt="?", kind="text"),),
            ("f",),
            [[line(1.0, steps=[drew([{"candidate": "a", "usage": usage}] * n)], draw_scores=[1.0] * n)]],
        )
        for name, n, usage in (
            ("few", 2, {"prompt_tokens": 5, "completion_tokens": 5}),
            ("many", 8, {"prompt_tokens": 10, "completion_tokens": 10}),
        )
    )
    one, other = figures_of([few, many, outcomes("none", [1.0])], SETTING, Terms(bootstrap=200), []).curves
    assert [point.limit for point in one.by_tokens] == [point.limit for point in other.by_tokens]
    assert all(point.cost <= point.limit + 1e-9 for point in (*one.by_tokens, *other.by_tokens))


def test_curves_are_of_the_same_tasks_whatever_each_method_drew_on():
    usage = {"prompt_tokens": 5, "completion_tokens": 5}
    tasks = tuple(Task(id=f"t{n}", prompt="?", kind="text") for n in range(6))

    def method(name, places):
        """Draws what is right on even tasks alone, and nothing, or nothing that can be graded, on others."""
        found = []
        for n in range(6):
            draws = [{"candidate": "a", "usage": usage}] * 2
            worth = [float(n % 2 == 0)] * 2 if n in places else [None, 1.0]
            found.append([line(worth[0] or 0.0, steps=[drew(draws)] if n != 5 else [], draw_scores=worth)])
        return Outcomes(name, tasks, ("f",) * 6, found)

    both = [
        method("even", {0, 2, 3}),
        method("most", {0, 1, 2, 3, 4}),
        outcomes("once", [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
    ]
    data = figures_of(both, SETTING, Terms(bootstrap=200), [])
    assert [(one.method, one.tasks, one.own) for one in data.curves] == [("even", 3, 2 / 3), ("most", 3, 2 / 3)]
    assert [point.accuracy for point in data.curves[1].by_draws] == pytest.approx([2 / 3] * 2)
    assert [(one.method, one.accuracy) for one in data.beside] == [("once", 2 / 3)]
    (said,) = [note for note in data.notes if note.startswith("Curves")]
    assert "of 3 of 6 tasks" in said and "even did on the fewest, 3" in said
    apart = figures_of([method("one", {0, 1}), method("other", {2, 3})], SETTING, Terms(bootstrap=200), [])
    assert not apart.curves and any("are of 0 of 6 tasks" in note for note in apart.notes)


def test_the_terminal_gets_a_table_and_programs_the_figures(bench):
    code, out, _ = bench()
    assert code == 0 and "against fixed:reason,answer" in out and "exact McNemar test, adjusted by Holm for 2" in out
    assert "; the intervals of points are not\n" in out
    assert "any method right: 50.0%" in out and "of 4 tasks all solve 2, none 2; one alone: none" in out
    found = bench("--resume", "--json").json
    assert (found["format"], found["version"]) == ("pilotage-bench", 1)
    assert [one["name"] for one in found["methods"]] == [
        "fixed:reason,answer", "fixed:program,answer", "strategy:self-consistency;n=3"
    ]  # fmt: skip
    assert [one["method"] for one in found["curves"]] == ["strategy:self-consistency;n=3"]
    assert len(found["curves"][0]["by_draws"]) == 3 and found["setting"]["tasks"] == 4


def test_a_replayed_call_counts_in_full_for_each_method(bench):
    bench("--methods", "strategy:self-consistency;n=2")
    by = {
        one["name"]: one
        for one in bench("--methods", "strategy:self-consistency;n=2", "--resume", "--json").json["methods"]
    }
    two, three = by["strategy:self-consistency;n=2"], by["strategy:self-consistency;n=3"]
    assert three["cost"] == pytest.approx(1.5 * two["cost"])
    found = [line for name in ("2", "3") for path in ["o"] for line in _of(path, name)]
    assert Counter(bool(line["usage"].get("replayed_calls")) for line in found)[True] >= 4


def _of(folder, n):
    from pathlib import Path

    (path,) = Path(folder).glob(f"strategy-self-consistency-n={n}-*.jsonl")
    return lines(path)


def test_a_model_without_a_price_is_told(bench, tmp_path):
    (tmp_path / "p.toml").write_text('["another"]\ninput = 1.0\noutput = 2.0\n')
    code, _, err = bench("--prices", "p.toml")
    assert code == 2 and "p.toml has no price of the model" in err and "it has another" in err
    name = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])["id"]
    assert name == "q0"


def test_many_methods_stand_below_each_other_where_families_are_few(bench):
    many = [f"strategy:self-consistency;n={n}" for n in range(2, 7)]
    _, out, _ = bench(methods=many)
    assert "right, by family" not in out  # all are of one
    Path("t.jsonl").write_text(
        "".join(
            json.dumps({"id": f"q{n}", "prompt": f"Box {n}: 48 times 10?", "gold": 480, "metadata": {"family": f}})
            + "\n"
            for n, f in enumerate("ab")
        )
    )
    _, out, _ = bench("--out", "wide", methods=many)
    assert re.search(r"right, by family +a \(1\)  b \(1\)\nstrategy:self-consistency;n=2 +100% +100%\n", out)
    _, out, _ = bench("--out", "narrow", methods=many[:3])
    assert re.search(r"right, by family  tasks  strategy:self-consistency;n=2 .*\na +1 +100%", out)
