"""Numbers that a sentence of the docs repeats are those of the table, file or list that it has them from."""

import io
import re
from pathlib import Path

import numpy as np
import pytest

from pilotage.agent.cli.bank.confidence import print_confidence
from pilotage.agent.cli.evaluate.printing import print_evaluation
from pilotage.agent.cli.screen import Screen
from pilotage.navigator import Bank
from pilotage.navigator.confidence.judge import judge_confidence
from pilotage.navigator.evaluation import Protocol, evaluate
from pilotage.navigator.policies import pretrained
from pilotage.navigator.policies.inputs import EFFORTS, CostWeighting
from pilotage.navigator.policies.load import load_policy
from pilotage.navigator.policies.policy_file import read_policy
from pilotage.navigator.policies.rules.default import shipped_doubt
from pilotage.navigator.policies.rules.rule_policy import SHORT_QUESTION, SURE, TWO_ROUTES
from pilotage.navigator.report import read_evaluation
from pilotage.navigator.report.findings import is_significant
from pilotage.navigator.report.reading import parse

ROOT = Path(__file__).parents[2]
DOCS, BANKS = ROOT / "docs", ROOT / "examples" / "banks"
NETWORK = "cql:effort:ensemble"
"""What the shipped network is called in its evaluation."""
SEALED = tuple(
    "aiw base_conversion coin_flip color_cube_rotation count_bits family_relationships number_filtering".split()
)
"""Families of the bank `mixed2` that nothing was chosen by."""


def said(page):
    """The words of a page, one blank between any two."""
    return " ".join((ROOT / page).read_text().split())


def row(page, first):
    """Cells of the table row that begins so, without the first."""
    (line,) = [line for line in (ROOT / page).read_text().splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


@pytest.fixture(scope="module")
def judged():
    """The evaluation of the shipped navigator."""
    return parse(read_evaluation(DOCS / "network" / "evaluation.json"))


@pytest.fixture(scope="module")
def mixed():
    return Bank.open(BANKS / "mixed")


def point(judged, effort):
    """The network at a setting of its dial."""
    (line,) = [line for line in judged.frontier if line.policy == NETWORK]
    return next(one for one in line.points if one.effort == effort)


def test_the_tables_of_the_shipped_navigator_are_those_of_its_evaluation(judged):
    screen = io.StringIO()
    print_evaluation(Screen(screen, quiet=False, soft_wrap=False, width=120), judged)
    printed = {line.rstrip() for line in screen.getvalue().splitlines()}
    tables = re.search(r"^```text\n(.*?)^```", (DOCS / "network.md").read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for line in tables.group(1).splitlines() if line]
    assert len(lines) > 30 and not [line for line in lines if line not in printed]


@pytest.mark.parametrize("evaluation", ["judged", "sealed", "nested"])
def test_a_table_of_the_default_is_that_of_its_evaluation(evaluation):
    told = parse(read_evaluation(DOCS / "shipped-navigator" / f"{evaluation}.json"))
    screen = io.StringIO()
    print_evaluation(Screen(screen, quiet=False, soft_wrap=False, width=120), told)
    printed = screen.getvalue().replace(" \n", "\n").split("\n\n")[1]
    table = "\n".join(line.rstrip() for line in printed.splitlines())
    assert table.startswith("policy") and f"```text\n{table}\n```" in (DOCS / "shipped-navigator.md").read_text()


def test_the_default_comes_to_what_its_page_says():
    """Rows of the page that nothing is drawn for, from the bank itself."""
    policies = ["default", "default@medium", "one-bit", "fixed:program,answer"]
    page = (DOCS / "shipped-navigator.md").read_text()
    for judged in ({"leave_out": SEALED}, {"only": SEALED}):
        found = evaluate(BANKS / "mixed2", policies, Protocol(efforts=(), resamples=100, **judged))
        for name in policies:
            row = found.policy(name)
            told = re.compile(
                rf"^{re.escape(name)} +{100 * row.accuracy:.1f}% .*?  {1000 * row.cost:.0f} ", re.MULTILINE
            )
            assert told.search(page), (name, row.accuracy, row.cost)


def test_the_table_of_confidence_is_what_its_command_prints():
    screen = io.StringIO()
    judged = judge_confidence(Bank.open(BANKS / "mixed2").of_families(leave_out=SEALED), "families", [])[0]
    print_confidence(Screen(screen, quiet=False, soft_wrap=False, width=120), judged)
    lines = [line.rstrip() for line in screen.getvalue().splitlines() if line]
    assert len(lines) == 12 and "\n".join(lines) in (DOCS / "evaluation.md").read_text()


def test_what_is_made_of_the_shipped_navigator_is_of_its_evaluation(judged):
    fixed, rules, nearest = (judged.comparison(NETWORK, other) for other in ("best-fixed", "rules", "nearest"))
    lowest, medium = point(judged, 0), point(judged, EFFORTS["medium"])
    base, weight = judged.policy("best-fixed"), judged.protocol.cost_weight
    off = {name: 100 * judged.policy(name).calibration.ece for name in (NETWORK, "cql:effort", "linear")}

    def points(*pairs):
        return ", ".join(f"{100 * low:+.0f} to {100 * high:+.0f}" for low, high in pairs)

    def times(*pairs):
        return ", ".join(f"{low:.2f} to {high:.2f}" for low, high in pairs)

    page = said("docs/network.md")
    for sentence in (
        f"{100 * fixed.difference:.1f} points more (interval {points(fixed.interval)}) at {fixed.cost_ratio:.2f} times "
        f"its tokens. With the dial at effort 0, {100 * (lowest.accuracy - base.accuracy):.1f} points more "
        f"({lowest.accuracy:.1%} at {1000 * lowest.cost:.0f} tokens) at {lowest.cost / base.cost:.2f} times its tokens",
        f"closed | {fixed.gap_closed:.0%} (interval {points(fixed.gap_closed_interval)})",
        f"{100 * rules.difference:.1f} and {100 * nearest.difference:.1f} points (intervals "
        f"{points(rules.interval, nearest.interval)}) at {rules.cost_ratio:.2f} and {nearest.cost_ratio:.2f} times the "
        f"tokens ({times(rules.cost_ratio_interval, nearest.cost_ratio_interval)})",
        f"cost weight of the comparison, {weight:g}, which is effort {CostWeighting().effort(weight):.3f}; ",
        f"runs at `medium`, {medium.effort:g} (a cost weight of {medium.cost_weight:.3f}), where it has "
        f"{medium.accuracy:.1%} right at {1000 * medium.cost:.0f} tokens, "
        f"{medium.cost / judged.policy('rules').cost:.2f} times those of the rules",
        f"are off by {off[NETWORK]:.0f} points** on average (those of single networks by {off['cql:effort']:.0f}, "
        f"linear values by {off['linear']:.0f})",
        f"where the one above is worth {judged.policy(NETWORK).value:.3f}",
    ):
        assert sentence in page


def test_what_is_called_significant_is(judged):
    sure = [one for one in judged.comparisons if is_significant(one)]
    sentence = f"{len(sure)} of {len(judged.comparisons)} comparisons in all"
    assert sentence in said("docs/network.md")
    assert {one.policy for one in sure} == {"always:reason", f"random-matched:{NETWORK}"}
    assert all(one.difference < 0 for one in sure)


def test_the_share_of_the_rules_tokens_is_that_of_the_evaluation(judged):
    page = said("docs/network.md")
    (live,) = re.findall(r"default against rules: [^*]*?\(Holm [\d.]+\), 0\.(\d\d) times the tokens", page)[:1]
    bank = f"{point(judged, EFFORTS['medium']).cost / judged.policy('rules').cost:.0%}"
    assert f"It takes {live}% (live) to {bank} (on the bank) of the tokens of the rules" in page


def test_what_needs_no_training_is_on_unseen_families_what_the_page_says():
    found = evaluate(BANKS / "mixed", ["always:program", "rules"], Protocol(groups=5, efforts=(), resamples=100))
    rules = [one for one in found.transfer if one.policy == "rules"]
    tasks = [one.tasks for one in rules]
    assert sum(tasks) == 180 and len(rules) == 5

    def mean(figure):
        return np.average([getattr(one, figure) for one in rules], weights=tasks)

    fixed, program = mean("best_fixed_accuracy"), found.policy("always:program")
    today = f"have {mean('accuracy'):.1%} right at {1000 * mean('cost'):.0f} tokens"
    assert today in said("docs/network.md")
    for first, right, cost in (
        ("best fixed sequence of the other families", fixed, mean("best_fixed_cost")),
        ("always a program", program.accuracy, program.cost),
    ):
        cells = row("docs/network.md", first)
        assert cells[:2] == [f"{right:.1%}", f"{1000 * cost:.0f}"]
        assert not cells[2] or cells[2].startswith(f"{100 * (right - fixed):+.1f} ")


def test_checks_cost_and_change_what_the_bank_holds(mixed):
    checks = [(tree, node) for tree in map(mixed.tree, mixed.tasks) for node in tree if node.action == "verify"]
    cost = [node.usage["prompt_tokens"] + node.usage["completion_tokens"] for _, node in checks]
    scores = [(next(one.score for one in tree if one.id == node.parent), node.score) for tree, node in checks]
    low, middle, high = np.quantile(cost, [0.25, 0.5, 0.75])
    assert (
        f"a recorded check cost {np.mean(cost):.0f} tokens on average (median {middle:.0f}, middle half {low:.0f} to "
        f"{high:.0f}); of {len(checks)}, {sum(before < after for before, after in scores)} made a wrong answer right "
        f"and {sum(before > after for before, after in scores)} a right one wrong"
    ) in said("docs/network.md")


@pytest.mark.parametrize("name", ["mixed", "mixed-rlot"])
def test_a_bank_is_as_large_as_its_page_says(name):
    bank = Bank.open(BANKS / name)
    nodes = sum(len(bank.tree(task)) for task in bank.tasks)
    kilobytes = sum(file.stat().st_size for file in (BANKS / name).rglob("*") if file.is_file()) / 1000
    about = next(part for part in (BANKS / "README.md").read_text().split("\n\n") if part.startswith(f"`{name}/`"))
    assert f"{nodes:,} nodes" in about and f" {kilobytes:.0f} kB" in about


def test_paid_calls_of_the_plan_small_are_those_of_the_bank_that_it_recorded(mixed):
    """A call that the response cache answered is counted as replayed, and was not paid for."""
    paid = 0
    for node in (node for task in mixed.tasks for node in mixed.tree(task)):
        replayed = (node.extras.get("step", {}).get("usage") or {}).get("replayed_calls", 0)
        paid += node.usage["llm_calls"] + node.answer_usage["llm_calls"] - replayed
    assert row("docs/collecting.md", "`small`")[-1] == f"{paid / len(mixed.tasks):.0f}"


def test_an_assessment_costs_and_is_asked_what_the_bank_holds():
    bank = Bank.open(BANKS / "mixed-rlot")
    steps = [node for task in bank.tasks for node in bank.tree(task) if node.action]
    charges = [charge["usage"] for node in steps for charge in node.extras.get("charges", ())]
    new = [usage["prompt_tokens"] - usage.get("cached_tokens", 0) for usage in charges]
    page = said("docs/rlot.md")
    assert f"The question is {min(new)} tokens of prompt" in page and min(new) == np.median(new)
    assert f"of the {len(charges)} forms that it was asked for" in page and f"{len(steps)} steps on" in page


def test_sentences_repeat_the_tables_of_measurements():
    one_step = row("docs/benchmarks.md", "one agent step: navigate, block, observe; median")[1]
    assert f"costs {' to '.join(sorted(one_step.removesuffix(' ms').split(', ')))} ms" in said("README.md")
    predict, decision = (
        row("docs/navigator.md", of) for of in ("stable-baselines3's own `predict`", "one decision of a learned policy")
    )
    assert row("docs/navigator.md", "`predict` over one decision")[:2] == [
        f"{float(slow.split()[0]) / float(fast.split()[0]):.1f} times"
        for slow, fast in zip(predict[:2], decision[:2], strict=True)
    ]


def test_the_page_has_all_rules_in_their_order():
    table = (DOCS / "navigator.md").read_text().split("## The rules\n")[1].split("\n## ")[0]
    shown = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `(\w+)` \|$", table, re.MULTILINE)
    assert [(why, action) for why, _, action in shown] == [(rule.why, rule.action) for rule in TWO_ROUTES]
    assert f"below {SHORT_QUESTION:g}" in table and f"above {SURE:g}" in table


def test_a_decision_can_be_computed_as_the_page_says(mixed):
    """By the recipe of `docs/training.md`, from the file alone, on every recorded state, at three efforts."""
    header, tensors = read_policy(pretrained.FILE)
    counts = [place for place, name in enumerate(header.observations.names) if name.startswith("count_")]
    tried, dial = {tuple(before): after for before, after in header.settings["tried"]}, header.settings["dial"]
    terminal = header.actions.index(header.actions.terminal)
    decided = 0
    for effort in EFFORTS.values():
        policy = load_policy(pretrained.FILE, mixed.actions, mixed.observations, effort=effort)
        weight = dial["half"] * ((1 + dial["top"] / dial["half"]) ** (1 - effort) - 1)
        assert policy.cost_weight == pytest.approx(weight)
        for node in (node for task in mixed.tasks[::6] for node in mixed.tree(task) if not node.terminal):
            observation = np.asarray(node.observation, np.float32)
            scaled = (observation - tensors["input.shift"]) * tensors["input.scale"]
            x = np.append(np.clip(scaled, tensors["input.low"], tensors["input.high"]), 1 - effort)
            for layer in range(3):
                x = tensors[f"layer.{layer}.weight"] @ x + tensors[f"layer.{layer}.bias"]
                x = x if layer == 2 else np.maximum(x, 0)
            may = [one for one in tried.get(tuple(observation[counts].astype(int)), [terminal]) if node.mask[one]]
            best = max(may, key=lambda one: (x[one], -one))
            taken = policy.decide(observation, np.asarray(node.mask, bool)).action
            assert taken == best or x[taken] == pytest.approx(x[best], abs=1e-5)
            decided += 1
    assert decided > 300


def test_the_page_of_the_default_has_the_doubt_that_is_shipped():
    doubt, page = shipped_doubt(), said("docs/shipped-navigator.md")
    assert f"a mean log-probability below {doubt.mean:g}, or one token below {doubt.least:g}" in page
