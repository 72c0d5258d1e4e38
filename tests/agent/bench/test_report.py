"""The report: one page that asks for nothing, the figures that have data, and the same bytes from the same figures."""

import json
import re
import sys
from pathlib import Path

import pytest

from pilotage.agent.bench.presets import PRESETS, chosen
from pilotage.agent.bench.report import FIGURES, write_report
from pilotage.agent.bench.schema import Benched
from pilotage.agent.cli.bench import sitting
from pilotage.agent.models import Capabilities, ModelClient, ScriptedChatModel
from pilotage.agent.strategies import installed


def benched(folder="o"):
    return Benched.model_validate(json.loads(Path(folder, "bench.json").read_text()))


def test_a_folder_gets_the_numbers_one_page_and_the_figures(bench):
    code, _, err = bench()
    assert code == 0 and "written to o/bench.html" in err
    page = Path("o/bench.html").read_text()
    assert not re.search(r'<script|<link|<img|\bsrc=|href="http|url\(http', page)
    assert "prefers-color-scheme: dark" in page and page.count("<svg") == 4 and "self-consistency" in page
    kinds = {path.name for path in Path("o").iterdir() if path.suffix in (".svg", ".png")}
    assert kinds == {f"{name}.{kind}" for name in FIGURES if name != "families" for kind in ("svg", "png")}
    written = [{path.name: path.read_bytes() for path in write_report(benched(), Path("o"))} for _ in range(2)]
    assert written[0] == written[1]


def test_a_significant_difference_is_named_and_others_are_not(bench):
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}: how much?", "gold": 1, "family": f"f{n % 2}"} for n in range(12)]
    Path("t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    script = {"rules": {"Python program[^$]*$": "```python\nprint(1)\n```", "": "It is 2.\nAnswer: 2"}}
    Path("s.json").write_text(json.dumps(script))
    assert bench("--model", "scripted:s.json").code == 0
    page = Path("o/bench.html").read_text()
    assert "fixed:program,answer is significantly more accurate than fixed:reason,answer" in page
    assert "strategy:self-consistency;n=3 is significantly" not in page and 'id="families"' in page
    assert "fixed:program,answer 12" in bench("--model", "scripted:s.json", "--resume").out


def test_one_method_alone_has_a_report_too(bench):
    assert bench(methods=("fixed:reason,answer",)).code == 0
    page = Path("o/bench.html").read_text()
    assert page.count("<svg") == 1 and "has the most right" in page
    assert '<th scope="row">fixed:reason,<wbr>answer</th>' in page and "`" not in page
    out = bench("--resume", methods=("fixed:reason,answer",)).out
    assert "one alone" not in out and "Holm" not in out


def test_one_comparison_is_adjusted_for_nothing_and_long_names_are_cut_short(bench):
    long = "family" * 500
    tasks = [{"id": f"q{n}", "prompt": f"Box {n}?", "gold": 480, "family": long if n else "b"} for n in range(4)]
    Path("t.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    out = bench(methods=("fixed:reason,answer", "fixed:program,answer")).out
    assert "p: exact McNemar test\n" in out and "Holm" not in out and "Holm for" not in Path("o/bench.html").read_text()
    (named,) = [line for line in out.splitlines() if line.startswith("familyfamily")]
    assert len(named) < 200


def test_names_are_text_and_nothing_else(bench):
    bench(methods=("fixed:reason,answer", "fixed:program,answer"))
    data = benched()
    evil = data.model_copy(update={"notes": ("<script>alert(1)</script>",)})
    write_report(evil, Path("o"))
    assert "<script>" not in Path("o/bench.html").read_text()


def test_without_matplotlib_the_numbers_are_there(bench, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "pilotage.agent.bench.report.f"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("pilotage.navigator.report.figures")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = bench()
    assert code == 0 and "the numbers are in o/bench.json; there is no report" in err and "pilotage[bench]" in err
    assert "against fixed:reason,answer" in out and benched().setting.tasks == 4


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_what_is_registered_and_names_the_rest(name):
    found = chosen(name)
    assert found.methods[0] == "fixed:reason,answer" and len(found.methods) > 2
    known = {one.removeprefix("strategy:").partition(";")[0] for one in found.methods if one.startswith("strategy:")}
    assert known <= set(installed())
    absent = {one for one in PRESETS[name].methods if one not in found.methods}
    assert all(any(said.startswith(one) for said in found.left_out) for one in absent)


def test_a_preset_runs_with_its_own_limits_unless_others_are_given(bench):
    code, _, err = bench("--preset", "o1-patterns", methods=("default",))
    assert code == 0 and "Wu et al. 2024" in err and "left out" in err
    data = benched()
    assert data.methods[0].name == "default" and data.setting.budget["max_calls"] == 80
    assert "did you mean o1-patterns?" in bench("--preset", "o1-pattern", methods=("default",)).err
    assert bench("--preset", "where-we-stand", "--max-calls", "30", "--out", "p", methods=()).code == 0
    assert benched("p").setting.budget["max_calls"] == 30


def test_methods_of_a_preset_that_the_model_cannot_serve_are_left_out_in_a_sentence(bench, monkeypatch):
    mute = ModelClient(ScriptedChatModel(lambda _: "It is 480.\nAnswer: 480", capabilities=Capabilities()))
    monkeypatch.setattr(sitting, "model_of", lambda _: mute)
    code, _, err = bench("--preset", "bag-of-tricks", "--limit", "1", methods=())
    assert code == 0, err
    said = [line.split()[2] for line in err.splitlines() if "gives none: choose another scorer" in line]
    assert said == ["strategy:best-of-n;n=8;scorer=p-correct", "strategy:weighted-vote;scorer=p-correct"]
    names = {one.name for one in benched().methods}
    assert {"fixed:reason,answer", "strategy:mcts;scorer=judge", "strategy:best-of-n;n=8;scorer=judge"} <= names - set(
        said
    )
    refused = bench("--preset", "bag-of-tricks", methods=("strategy:best-of-n;scorer=p-correct",))
    assert refused.code == 2 and "gives none" in refused.err, "a method that was asked for by name is not dropped"


def test_a_log_of_inspect_has_every_run(bench):
    assert bench("--inspect", "logs", "--repeats", "2").code == 0
    logs = sorted(Path("logs").glob("*.json"))
    assert len(logs) == 3
    for path in logs:
        log = json.loads(path.read_text())
        assert len(log["samples"]) == 8 == log["results"]["total_samples"]
        assert {(sample["id"], sample["epoch"]) for sample in log["samples"]} == {
            (f"q{n}", e) for n in range(4) for e in (1, 2)
        }
        accuracy = log["results"]["scores"][0]["metrics"]["accuracy"]["value"]
        assert accuracy == sum(sample["scores"]["pilotage"]["value"] for sample in log["samples"]) / 8
    bench("--inspect", "logs", "--repeats", "2", "--resume")
    assert len(list(Path("logs").glob("*.json"))) == 3, "a log of before is replaced"
    for other in (("--max-tokens", "5000"), ("--seed", "7"), ("--sandbox", "none")):
        assert bench("--inspect", "logs", "--out", f"o{other}", *other, methods=("fixed:reason,answer",)).code == 0
    assert len(list(Path("logs").glob("*.json"))) == 6, "of other conditions it is another log"


def test_a_log_of_inspect_tells_what_each_model_used(bench):
    Path("s.json").write_text(json.dumps({"rules": {"": "It is 480.\nAnswer: 480"}}))
    Path("l.json").write_text(json.dumps({"rules": {"": "It is so.\nAnswer: 480"}}))
    cascade = "strategy:cascade;large=scripted:l.json;threshold=1.1"
    found = bench("--model", "scripted:s.json", "--inspect", "logs", methods=(cascade,))
    assert found.code == 0
    [log] = [json.loads(path.read_text()) for path in Path("logs").glob("*.json")]
    used = log["stats"]["model_usage"]
    assert set(used) == {"scripted:s.json", "scripted:l.json"}
    samples = log["samples"]
    assert sum(one["total_tokens"] for one in used.values()) == sum(
        sample["output"]["usage"]["total_tokens"] for sample in samples
    )
    assert used["scripted:s.json"]["total_tokens"] == 0  # such a threshold leaves everything to the large one


def test_the_page_of_the_docs_shows_what_the_command_prints(command_line):
    root = Path(__file__).parents[3]
    shown = (root / "docs" / "bench.md").read_text()
    methods = ("fixed:reason,answer", "fixed:program,answer", "strategy:self-consistency;n=9")
    files = (
        "--tasks",
        root / "examples/bench_tasks.jsonl",
        "--model",
        f"scripted:{root / 'examples/bench_script.json'}",
    )
    said = command_line("bench", *files, "--methods", *methods, f"{methods[2]};stop=beta", columns=150)
    assert said.code == 0
    for line in said.out.splitlines()[10:]:  # above it are times, and the path of the script
        assert line.rstrip() in shown, line
