"""The page's files: what is served, with which headers, and that nothing else is."""

import http.client
import re
from urllib.parse import urlsplit

import pytest

from pilotage.agent.serve.page.routes import FILES
from pilotage.navigator.report.palette import contrast
from tests.agent.chat.test_conversations import scripted

NAMES = sorted(path.name for path in FILES.iterdir())


@pytest.fixture
def page(serve):
    return serve(scripted())


def test_the_page_is_html_under_a_policy_that_runs_its_own_scripts_alone(page):
    reply = page.get("/")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.strip().split(" ", 1) for part in reply.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_served_with_its_type_and_the_same_headers(page, name):
    reply = page.get(f"/page/{name}")
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert reply.headers["content-type"].split(";")[0] == types[name.rpartition(".")[2]]
    assert reply.content == (FILES / name).read_bytes()
    at_root = page.get("/").headers
    for header in ("content-security-policy", "x-content-type-options", "cache-control"):
        assert reply.headers[header] == at_root[header]


def test_a_browser_keeps_a_file_and_asks_whether_it_is_still_so(page):
    first = page.get("/page/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = page.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-security-policy" in again.headers
    assert page.get("/page/main.js", headers={"If-None-Match": '"other"'}).status_code == 200
    assert page.head("/").headers["content-length"] == str(len(page.get("/").content))


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/nothing.js",
        "/page/../routes.py",
        "/page/../../app.py",
        "/page/..%2froutes.py",
        "/page/%2e%2e/routes.py",
        "/page/..%5croutes.py",
        "/page//etc/passwd",
        "/page/%2fetc%2fpasswd",
        "/page/main.js%00.html",
        "/page/./main.js/../../routes.py",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(page, path):
    # Clients tidy such paths before they send them; this one sends what it is given.
    to = http.client.HTTPConnection(urlsplit(str(page.base_url)).netloc, timeout=60)
    to.request("GET", path)
    reply = to.getresponse()
    body = reply.read()
    to.close()
    assert reply.status == 404
    assert b"import" not in body
    assert b"root:" not in body
    assert body.startswith(b'{"error":')


def test_nothing_of_the_page_comes_from_elsewhere_or_stands_inline():
    page = (FILES / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for path in FILES.iterdir():
        text = path.read_text()
        assert not re.search(r"(?:src|href|url\(|from|import)\s*[=(]?\s*[\"']?(?:https?:)?//", text), path.name


@pytest.mark.parametrize("path", [path for path in FILES.iterdir() if path.suffix == ".js"], ids=lambda path: path.name)
def test_no_script_makes_html_or_code_of_text(path):
    made = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc|\.style\b"
    assert not re.search(made, path.read_text())


@pytest.mark.parametrize("path", [path for path in FILES.iterdir() if path.suffix == ".js"], ids=lambda path: path.name)
def test_modules_import_what_is_there(path):
    for name in re.findall(r'from "\./([\w.]+)"', path.read_text()):
        assert name in NAMES


def test_every_colour_of_text_stands_out_from_its_ground_by_day_and_by_night():
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        for scheme in re.findall(r"--ink: [^}]*", (FILES / "style.css").read_text())
    ]
    assert len(schemes) == 3  # by day, by night as the system says, by night as the reader says
    assert schemes[1] == schemes[2]
    pairs = [("ink", "paper"), ("ink", "wash"), ("muted", "paper"), ("muted", "wash"), ("accent", "paper")]
    pairs += [("on-accent", "accent"), ("good", "good-wash"), ("bad", "bad-wash"), ("good", "paper"), ("bad", "paper")]
    for scheme in schemes:
        assert all(contrast(scheme[text], scheme[ground]) >= 4.5 for text, ground in pairs)
