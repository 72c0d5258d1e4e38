"""The report of an evaluation beside the page: shown as it is on the disk, and nothing in it runs."""

import shutil

import pytest

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.page.report import report_page
from tests.agent.chat.test_conversations import scripted
from tests.agent.serve.test_page_browser import browser, tab  # noqa: F401  (fixtures)
from tests.test_house import ROOT

SHIPPED = ROOT / "docs" / "network"
HOSTILE = b"""<script>window.hacked = 1; alert(1)</script><img src=x onerror="alert(2)"><img src="https://evil.example/x.png">
<form action="https://evil.example/"><button id="go">go</button></form><iframe src="/"></iframe>"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "evaluation"
    made.mkdir()
    for name in ("report.html", "evaluation.json"):
        shutil.copy(SHIPPED / name, made / name)
    return made


def test_it_is_linked_and_served_under_a_policy_that_runs_nothing(serve, folder):
    client = serve(scripted(), {"report": folder})
    assert b'<a href="page/report">Report</a>' in client.get("/").content
    reply = client.get("/page/report")
    assert reply.content == (folder / "report.html").read_bytes()
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["sandbox"] == "" and "script-src" not in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert client.get("/page/report", headers={"If-None-Match": reply.headers["etag"]}).status_code == 304
    (folder / "report.html").write_bytes(b"<p>new</p>")
    assert client.get("/page/report").content == b"<p>new</p>"
    (folder / "report.html").unlink()
    assert client.get("/page/report").status_code == 404
    assert client.get("/page/evaluation.json").status_code == 404


def test_without_one_nothing_is_linked_or_served(serve):
    client = serve(scripted())
    assert b"page/report" not in client.get("/").content and client.get("/page/report").status_code == 404


def test_it_may_be_named_by_its_folder_its_page_or_its_numbers(folder, tmp_path):
    page = folder / "report.html"
    assert {report_page(given) for given in (folder, page, folder / "evaluation.json")} == {page}
    (tmp_path / "other.txt").write_text("x")
    for given, part in ((tmp_path / "none", "is not there"), (tmp_path / "other.txt", "is no report")):
        with pytest.raises(UsageError, match=part):
            report_page(given)
    page.unlink()
    with pytest.raises(UsageError, match="make it with `pilotage report .*evaluation.json --out "):
        report_page(folder)


@pytest.mark.browser
def test_a_browser_shows_it_whole(tab, serve, folder, tmp_path):  # noqa: F811
    page = tab(scripted(), str(serve(scripted(), {"report": folder}).base_url).rstrip("/"))
    page.tab.get_by_role("link", name="Report").click()
    page.tab.locator("h1").first.wait_for()
    assert page.tab.locator("svg").count() >= 3  # frontier, route maps, ...
    box = page.tab.locator("svg").first.bounding_box()
    assert box["width"] > 200 and box["height"] > 100
    page.tab.screenshot(path=tmp_path / "report.png")
    page.check()


@pytest.mark.browser
def test_a_hostile_report_runs_nothing_and_loads_nothing(tab, serve, folder):  # noqa: F811
    (folder / "report.html").write_bytes(b"<!doctype html><title>x</title>" + HOSTILE)
    page = tab(scripted(), str(serve(scripted(), {"report": folder}).base_url).rstrip("/"))
    reached = []
    page.tab.on("response", lambda response: reached.append(response.url))
    page.tab.goto(f"{page.home}/page/report")
    page.tab.click("#go")
    page.tab.goto(page.home)
    assert not page.dialogs and not [url for url in reached if "evil" in url]
    assert not page.tab.evaluate("window.hacked")
