"""The page of fifteen methods says what its results say, counted here without the code that wrote the report."""

import io
import json
import re
from pathlib import Path

import pytest

from pilotage.agent.bench.report.page import headline
from pilotage.agent.bench.schema import Benched
from pilotage.agent.cli.bench.printing import print_bench
from pilotage.agent.cli.screen import Screen

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "methods.md"


@pytest.fixture(scope="module")
def report():
    return json.loads((ROOT / "docs" / "methods" / "bench.json").read_text())


@pytest.fixture(scope="module")
def lines():
    """Result lines by method and task."""
    found = {}
    for path in sorted((ROOT / "benchmarks" / "data" / "methods").glob("*.jsonl")):
        results = [json.loads(line) for line in path.read_text().splitlines()]
        (name,) = {result["policy"] for result in results}
        assert len({result["task_id"] for result in results}) == len(results)
        found[name] = {result["task_id"]: result for result in results}
    return found


def tokens(result):
    return result["usage"]["prompt_tokens"] + result["usage"]["completion_tokens"]


def test_the_printed_report_is_that_of_the_file(report):
    data = Benched.model_validate({name: one for name, one in report.items() if name not in {"format", "version"}})
    screen = io.StringIO()
    print_bench(Screen(screen, quiet=False, soft_wrap=False, width=150), data)
    printed = "\n".join(line.rstrip() for line in screen.getvalue().strip().splitlines())
    (shown,) = re.findall(r"^```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert shown == printed


def test_methods_that_are_right_as_often_are_all_named_the_cheapest_first(report):
    data = Benched.model_validate({name: one for name, one in report.items() if name not in {"format", "version"}})
    first = headline(data)[0]
    assert (
        first.startswith("fixed:program,answer has the most right") and "as many as default and default@medium" in first
    )


def test_every_method_was_asked_every_task(report, lines):
    assert len(lines) == len(report["methods"]) >= 12 and report["setting"]["tasks"] >= 60
    assert len({frozenset(results) for results in lines.values()}) == 1


def test_rows_and_comparisons_are_those_of_the_results(report, lines):
    for row in report["methods"]:
        results = list(lines[row["name"]].values())
        assert row["accuracy"] == pytest.approx(sum(one["score"] or 0 for one in results) / len(results), rel=1e-5)
        assert row["cost"] == pytest.approx(sum(map(tokens, results)) / len(results) / 1000, rel=1e-5)
        assert row["calls"] == pytest.approx(sum(one["usage"]["llm_calls"] for one in results) / len(results), rel=1e-5)
    first = lines[report["methods"][0]["name"]]
    assert len(report["comparisons"]) == len(lines) - 1
    for row in report["comparisons"]:
        gains = [(one["score"] or 0) - (first[id]["score"] or 0) for id, one in lines[row["policy"]].items()]
        assert row["difference"] == pytest.approx(sum(gains) / len(gains), abs=1e-5)
        assert (row["better"], row["worse"]) == (sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains))
