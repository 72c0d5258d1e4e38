"""The report as a whole: what is written, that it repeats, that it stands alone, and that names in it are only text."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import matplotlib as mpl
import pytest
from PIL import Image

from pilotage.navigator.report import FIGURES, ReportError, read_evaluation, write_report
from tests.navigator.report.evaluations import evaluation

SMALL = {"learned": 1, "baselines": 1, "families": 2, "tasks": 40, "resamples": 50}
SECTIONS = ("comparisons", "frontier", "families", "transfer", "routes", "curves")
UNEVEN = {"policy": "a", "seed": 0, "steps": [1], "accuracy": []}
UNSCORED = {"name": "a", "coverage": 0, "accuracy": None}
HOSTILE = '</svg><script>alert("1")</script>&amp; $\\frac{x}$ ]]> -- id="a" fill: #0b5cad {{ 7*7 }} \u202egnp'


class Page(HTMLParser):
    """Tags, ids, links and text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.ids, self.links, self.text = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[name] for name in ("href", "src", "xlink:href", "action", "data") if name in given]
        self.links += re.findall(r"url\((.*?)\)", " ".join(value or "" for value in given.values()))
        self.attributes = getattr(self, "attributes", set()) | set(given)

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report on a small evaluation: its folder and its files."""
    folder = tmp_path_factory.mktemp("report")
    return folder, write_report(evaluation(**SMALL), folder)


@pytest.fixture(scope="module")
def page(written):
    return Page((written[0] / "report.html").read_text())


def without(*parts):
    """An evaluation without some parts, and without calibration."""
    given = evaluation(**SMALL)
    policies = [{**policy, "calibration": None, "uses": {}} for policy in given["policies"]]
    return {**{name: part for name, part in given.items() if name not in parts}, "policies": policies}


def test_everything_is_written_and_can_be_read(written):
    folder, files = written
    assert [path.name for path in files[:2]] == ["report.html", "evaluation.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in files)
    assert json.loads((folder / "evaluation.json").read_text()) == evaluation(**SMALL)
    for name in FIGURES:
        assert ET.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")
        with Image.open(folder / f"{name}.png") as picture:
            picture.load()
            assert picture.width == 1600 and len(picture.convert("RGB").getcolors(1 << 20)) > 10


def test_the_same_evaluation_gives_the_same_bytes_whatever_the_users_style(written, tmp_path):
    folder, files = written
    before = mpl.rcParams["font.size"]
    with mpl.rc_context({"font.size": 31, "axes.facecolor": "red", "svg.fonttype": "path", "savefig.dpi": 30}):
        again = write_report(read_evaluation(folder / "evaluation.json"), tmp_path / "a" / "b")
        assert mpl.rcParams["font.size"] == 31, "the user's settings come back"
    assert mpl.rcParams["font.size"] == before
    assert [path.name for path in again] == [path.name for path in files]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(again, files, strict=True))


def test_the_page_asks_for_nothing_and_runs_nothing(written, page):
    html = (written[0] / "report.html").read_text()
    assert not re.search(r"https?:|//[a-z]|@import|@font-face", html)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert page.links and all(link.startswith("#") for link in page.links)
    assert not [name for name in page.attributes if name.startswith("on")]


def test_ids_are_unique_and_all_references_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_figures_follow_the_page_into_the_dark(written, page):
    html = (written[0] / "report.html").read_text()
    assert page.tags.count("svg") == len(FIGURES) and "prefers-color-scheme: dark" in html and "@media print" in html
    drawn = html[html.index("<figure") :]
    assert "var(--c0)" in drawn and "#1b1f24" not in drawn and "fill: #ffffff" not in drawn
    assert "fill: #1b1f24" in (written[0] / "frontier.svg").read_text(), "a figure by itself has plain colours"


def test_names_and_texts_are_only_text(tmp_path):
    given = json.loads(
        json.dumps(evaluation(**SMALL)).replace("double-dueling-dqn", "NAME").replace("count_bits", "FAMILY")
    )
    given = json.loads(json.dumps(given).replace("reflect", "BLOCK"))
    text = json.dumps(given)
    for name in ("NAME", "FAMILY", "BLOCK"):
        text = text.replace(name, json.dumps(f"{HOSTILE}{name}")[1:-1])
    given = json.loads(text)
    given["bank"]["name"] = given["defects"] = HOSTILE
    given["defects"] = [HOSTILE, "line\nbreak \x00 \ud800"]
    write_report(given, tmp_path)
    html = (tmp_path / "report.html").read_text()
    seen = Page(html)
    assert "script" not in seen.tags and "alert" not in "".join(seen.attributes)
    assert seen.tags.count("svg") == len(FIGURES)
    shown = "".join(seen.text)
    assert '</svg><script>alert("1")</script>&amp; $\\frac{x}$ ]]> -- id="a" fill: #0b5cad {{ 7*7 }} \ufffdgnp' in shown
    assert "\u202e" not in html and "line break \ufffd ?" in shown
    for name in FIGURES:
        assert "script" not in {one.tag.rpartition("}")[2] for one in ET.parse(tmp_path / f"{name}.svg").iter()}
    assert any(piece.startswith("</svg><script>") for piece in ET.parse(tmp_path / "families.svg").getroot().itertext())


def test_what_is_not_there_is_said_and_figures_of_before_are_taken_away(tmp_path):
    for name in FIGURES:
        (tmp_path / f"{name}.png").write_bytes(b"of an earlier report")
    (tmp_path / "mine.png").write_bytes(b"kept")
    files = write_report(without(*SECTIONS), tmp_path)
    assert [path.name for path in files] == ["report.html", "evaluation.json", "frontier.svg", "frontier.png"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["frontier.png", "mine.png"]
    shown = " ".join("".join(Page((tmp_path / "report.html").read_text()).text).split())
    for sentence in (
        "compares no two policies",
        "no scores by family",
        "has no routes",
        "outside training was not evaluated",
        "No policy of the evaluation predicts success",
        "no learning curves",
        "It was compared with no other, so what is chance in it is not known.",
    ):
        assert sentence in shown


def test_empty_parts_are_missing_parts_and_a_policy_without_a_score_is_only_named(tmp_path):
    given = without(*SECTIONS)
    name = given["policies"][0]["name"]
    given |= {"routes": [{"policy": name, "edges": []}], "frontier": [{"policy": name, "points": []}]}
    given["curves"] = [{"policy": name, "seed": 0, "steps": [], "accuracy": []}]
    lost = {"name": "lost", "coverage": 0.0, "accuracy": float("nan"), "accuracy_interval": [float("nan")] * 2}
    given["policies"].append({**given["policies"][0], **lost})
    assert len(write_report(given, tmp_path)) == 4
    assert "they have no score: lost." in (tmp_path / "report.html").read_text()
    assert "lost" not in (tmp_path / "frontier.svg").read_text()
    assert json.loads((tmp_path / "evaluation.json").read_text())["policies"][-1]["accuracy"] is None


def changed(change):
    given = without(*SECTIONS)
    change(given)
    return given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "is no evaluation"),
        ({"format": "pilotage-bank", "version": 1}, "is no evaluation"),
        (changed(lambda e: e.update(version=2)), "has version 2, this pilotage reads 1"),
        (changed(lambda e: e.update(version=True)), "has version True"),
        (changed(lambda e: e.pop("protocol")), "protocol: it is missing"),
        (changed(lambda e: e.pop("policies")), "policies: it is missing"),
        (changed(lambda e: e.update(policies=[])), "policies: "),
        (changed(lambda e: e["policies"][1].pop("cost")), "policies.1.cost: it is missing"),
        (changed(lambda e: e["policies"][0].update(accuracy=1.2)), "policies.0.accuracy: "),
        (changed(lambda e: e["policies"][0].update(accuracy=None)), "policies.0.accuracy: "),
        (changed(lambda e: e["policies"][0].update(accuracy_interval=[0.9, 0.1])), "lower end is above its upper end"),
        (changed(lambda e: e["policies"][0].update(name=" ")), "policies.0.name: "),
        (changed(lambda e: e["policies"][1].update(name=e["policies"][0]["name"])), "two policies have the name"),
        (changed(lambda e: e["protocol"].update(kind="guess")), "protocol.kind: "),
        (changed(lambda e: e.update(curves=[UNEVEN])), "it has 1 steps and 0 values of accuracy"),
        (changed(lambda e: e.update(policies=[UNSCORED])), "no score of any policy"),
        (changed(lambda e: e.update(defects=[object()])), "holds something that JSON cannot"),
    ],
)  # fmt: skip
def test_what_is_no_evaluation_is_refused_in_one_sentence(given, said, tmp_path):
    with pytest.raises(ReportError, match=re.escape(said)) as caught:
        write_report(given, tmp_path)
    assert (
        "\n" not in str(caught.value) and "pilotage evaluate" in str(caught.value) or "record more" in str(caught.value)
    )
    assert not list(tmp_path.iterdir())


def test_importing_the_report_loads_no_matplotlib():
    code = "import sys, pilotage.navigator.report; sys.exit(bool({'matplotlib', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
