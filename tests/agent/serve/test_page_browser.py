"""The page in a real browser: what a reader sees, and what a hostile text cannot do."""

import json

import pytest

from pilotage.agent import ReasoningAgent
from pilotage.agent.models import ModelClient
from pilotage.agent.models.scripted import Fault, ScriptedChatModel
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from
from tests.agent.chat.test_conversations import ASKED, scripted
from tests.agent.serve.browser import Watched, lacking, start

pytestmark = pytest.mark.browser
HOSTILE = """<script>window.hacked = 1; alert(1)</script>
<img src=x onerror="window.hacked = 2"> <svg onload="window.hacked = 3"></svg>

<iframe src="https://evil.example/"></iframe> <style>body { display: none }</style>

[here](javascript:window.hacked=4) [there](data:text/html,<script>window.hacked=5</script>) [mail](mailto:a@b.example)
[a\\](b)](vbscript:x) [tab](java\tscript:alert(1)) <https://auto.example> [https://bank.example](https://evil.example/x)

![picture](https://evil.example/seen.png "onerror=alert(1)") javascript:alert(1)

| <b>x</b> | [y](javascript:alert(1)) |
|---|---|
| `</code><script>window.hacked = 6</script>` | &lt;script&gt; |

```html"><script>window.hacked=7</script>
</pre><script>window.hacked = 8</script>
```
\u202egnirts desrever\u202c <math><mtext></mtext></math> **<b onmouseover=alert(1)>bold</b>**
"""
PATHOLOGICAL = {
    "one line": "x" * 3_000_000,
    "brackets": "[" * 200_000,
    "links never closed": "[a](" * 50_000,
    "bold never closed": "**a " * 50_000,
    "stars": "*" * 200_000,
    "stars and letters": "*a" * 100_000,
    "underscores": "_a_" * 60_000,
    "ticks of all lengths": " ".join("`" * n for n in range(1, 600)),
    "quotes": ">" * 200_000,
    "quotes by line": "> > > > > > > >\n" * 12_000,
    "lists": "".join(f"{' ' * (n % 40)}- a\n" for n in range(15_000)),
    "tables": "a|" * 90_000 + "\n" + "-|" * 400,
    "addresses": "https://%" * 20_000,
    "dots behind addresses": "https://%" * 200 + "." * 190_000 + "x",
    "fences": "```\n~~~\n" * 25_000,
    "spaces": "[x](" + " " * 190_000,
    "backslashes": "\\" * 200_000,
    "headings": "#" * 200_000,
}


@pytest.fixture(scope="module")
def browser():
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright is not installed: the page is tried in no browser; `make test-browser` installs it")
    with sync_playwright() as playwright:
        opened = start(playwright)
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, serve):
    """Opens the page over a scripted model."""
    contexts = []

    def open_tab(model, url="", **options):
        home = url or str(serve(model).base_url).rstrip("/")
        contexts.append(browser.new_context(**options))
        watched = Watched(contexts[-1].new_page(), home)
        watched.tab.set_default_timeout(120_000)  # a busy machine is no defect
        watched.tab.goto(home)
        return watched

    yield open_tab
    for context in contexts:
        context.close()


def in_page(watched, text):
    """The HTML that a text is drawn as."""
    return watched.tab.evaluate(
        """async (text) => {
            const { markdown } = await import("/page/markdown.js");
            const held = document.createElement("div");
            held.append(markdown(text));
            return held.innerHTML;
        }""",
        text,
    )


def test_a_question_grows_a_route_and_gets_its_reply(tab):
    page = tab(scripted())
    page.ask(ASKED)
    names = page.tab.locator(".path .head b").all_inner_texts()
    assert names == ["program", "verify", "answer"]
    assert page.tab.locator(".node .why").first.inner_text()
    assert page.tab.locator(".candidate").first.inner_text() == "391"
    assert "tokens" in page.tab.locator(".node .cost").first.inner_text()
    assert page.tab.locator(".summary .mark").inner_text() == "verified"
    assert page.tab.locator(".turn.assistant .said").inner_text() == "It is 391."
    assert "tokens" in page.tab.locator(".spent").inner_text()
    assert "It is 391." in page.tab.locator("#status").inner_text()
    page.tab.locator(".work summary").first.click()
    assert "print(17*23)" in page.tab.locator(".work pre").first.inner_text()
    page.check()


def test_a_conversation_is_sent_whole_and_regenerated_from_where_it_was(tab):
    model = ScriptedChatModel(["First.", "Second.", "Third."])
    page = tab(model)
    page.ask("hi there")
    page.ask("and you?")
    assert page.tab.locator(".again:visible").count() == 1
    page.tab.click(".again:visible")
    page.tab.get_by_text("Third.", exact=True).wait_for()
    page.tab.wait_for_function("() => document.querySelectorAll('.foot:not([hidden])').length === 2")
    assert page.tab.locator(".turn.assistant .said").all_inner_texts() == ["First.", "Third."]
    texts = [message.text for message in model.calls[-1].messages]
    assert texts == ["hi there", "First.", "and you?"]
    page.check()


def test_stop_ends_a_reply_and_leaves_the_page_ready(tab):
    page = tab(ScriptedChatModel(lambda _: "late", latency=600))
    page.tab.fill("#message", "hi there")
    page.tab.keyboard.press("Enter")
    page.tab.get_by_role("button", name="Stop").wait_for()
    page.tab.keyboard.press("Escape")
    page.tab.get_by_text("Stopped.").wait_for()
    page.tab.get_by_role("button", name="Send").wait_for()
    assert page.tab.evaluate("document.activeElement.id") == "message"
    page.check()


def test_a_model_that_fails_is_told_of_and_can_be_asked_again(tab):
    replies = iter([Fault(status=400), "Better."])
    page = tab(ScriptedChatModel(lambda _: next(replies, "Better.")))
    page.ask("hi there")
    assert page.tab.get_by_role("alert").inner_text()
    page.tab.click(".again:visible")
    page.tab.get_by_text("Better.", exact=True).wait_for()
    assert page.tab.get_by_role("alert").count() == 0
    assert page.tab.locator(".turn.assistant").count() == 1
    page.check()


@pytest.mark.parametrize("asked", ["hi there", ASKED])
def test_what_a_model_writes_is_text(tab, asked):
    page = tab(scripted(plain=HOSTILE, found=HOSTILE, by_hand=HOSTILE + "\nAnswer: <img src=x onerror=alert(1)>"))
    page.ask(asked)
    for work in page.tab.locator(".work summary").all():
        work.click()
    said = page.tab.locator(".turn.assistant")
    assert page.tab.evaluate("window.hacked") is None
    for name in ("script", "img", "iframe", "style", "math", "b[onmouseover]", "object", ".said svg"):
        assert said.locator(name).count() == 0
    links = said.locator(".said a").all()
    assert {link.get_attribute("href") for link in links} == {
        "https://auto.example/",
        "https://evil.example/",  # an address inside of what is no tag here
        "https://evil.example/x",
        "https://evil.example/seen.png",
    }
    assert all(link.get_attribute("rel") == "noopener noreferrer nofollow" for link in links)
    shown = said.locator(".said").inner_text()
    assert "<script>window.hacked = 1; alert(1)</script>" in shown
    assert "https://bank.example (evil.example)" in shown
    assert "here (javascript:window.hacked=4)" in shown
    page.check()


def test_the_policy_stops_what_a_fault_of_the_page_would_let_through(tab):
    page = tab(scripted())
    refused = page.tab.evaluate("""() => {
        try { document.body.innerHTML = "<img src=x onerror='window.hacked = 1'>"; return "taken"; }
        catch (error) { return error.name; }
    }""")
    assert refused == "TypeError"
    page.tab.evaluate("""() => {
        const script = document.createElement("script");
        try { script.textContent = "window.hacked = 2"; document.body.append(script); } catch {}
    }""")
    assert page.tab.evaluate("window.hacked") is None


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_no_text_holds_the_page_up(tab, name):
    page = tab(scripted())
    page.tab.evaluate("window.started = performance.now()")
    in_page(page, PATHOLOGICAL[name])
    assert page.tab.evaluate("performance.now() - window.started") < 60_000
    page.check()


def test_a_huge_reply_in_one_word_stays_inside_the_page(tab):
    page = tab(scripted(plain="w" * 300_000), viewport={"width": 390, "height": 800})
    page.ask("hi there")
    assert "more characters are not drawn; Copy gives all." in page.tab.locator(".turn.assistant .said").inner_text()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= 390
    page.check()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** *c* `d` ~~e~~", "<p>a <strong>b</strong> <em>c</em> <code>d</code> <s>e</s></p>"),
        ("2 * 3 * 4 and snake_case_name", "<p>2 * 3 * 4 and snake_case_name</p>"),
        ("***both***", "<p><strong><em>both</em></strong></p>"),
        ("**a *b***", "<p><strong>a <em>b</em></strong></p>"),
        ("# One\n## Two", "<h3>One</h3><h4>Two</h4>"),
        ("- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("1. a\n\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("> a\n> b", "<blockquote><p>a\nb</p></blockquote>"),
        ("a  \nb", "<p>a  <br>b</p>"),
        ("---", "<hr>"),
        ("``a ` b``", "<p><code>a ` b</code></p>"),
        ("**open", "<p>**open</p>"),
        ("\\*plain\\*", "<p>*plain*</p>"),
        ("```py\n<b>\n", '<pre tabindex="0" aria-label="py code"><code>&lt;b&gt;\n</code></pre>'),
    ],
)
def test_markdown_is_drawn(tab, text, html):
    assert in_page(tab(scripted()), text) == html


def test_a_server_that_wants_a_key_is_given_one(tab, running):
    settings = settings_from({"policy": "rules", "model": "scripted", "memory": "none"})
    app = create_app(Service(settings, ServeConfig(), model=ModelClient(scripted())))

    async def guarded(scope, receive, send):
        is_api = scope["type"] == "http" and scope["path"].startswith("/v1/")
        if not is_api or (b"authorization", b"Bearer right") in scope["headers"]:
            await app(scope, receive, send)
            return
        body = json.dumps({"error": {"message": "this server needs an API key", "code": "no_key"}}).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    page = tab(None, running(guarded))
    dialog = page.tab.get_by_role("dialog", name="API key")
    dialog.wait_for()
    assert "this server needs an API key" in dialog.inner_text()
    assert page.tab.evaluate("document.activeElement.id") == "key-input"
    page.tab.keyboard.type("right")
    page.tab.keyboard.press("Enter")
    page.tab.wait_for_selector("#model option", state="attached")
    page.ask("hi there")
    assert page.tab.locator(".turn.assistant .said").inner_text() == "Hello!"
    assert page.tab.evaluate("[Object.values(sessionStorage).includes('right'), JSON.stringify(localStorage)]") == [
        True,
        '{"pilotage-look":"system"}',
    ]


def test_runs_of_a_file_are_drawn(tab, tmp_path):
    agent = ReasoningAgent(scripted(by_hand=HOSTILE + "\nAnswer: 391"), policy="rules")
    run = agent.solve(ASKED).to_json()
    hostile = {**run, "task_id": "<img src=x onerror=alert(1)>", "answer": HOSTILE, "score": 0.0}
    lines = [
        json.dumps(run),
        "{not json",
        json.dumps([1]),
        json.dumps({"answer": 1, "steps": "x"}),
        json.dumps(hostile),
    ]
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(lines))
    page = tab(scripted())
    page.tab.get_by_role("link", name="Runs").click()
    page.tab.set_input_files("#file", file)
    rows = page.tab.locator("#runs .rows button")
    rows.first.wait_for()
    assert rows.count() == 2
    assert "3 lines of runs.jsonl could not be read" in page.tab.locator("#runs .notice").inner_text()
    rows.nth(1).click()
    assert page.tab.locator("#runs .detail h2").inner_text() == "<img src=x onerror=alert(1)>"
    assert page.tab.locator("#runs .path .head b").all_inner_texts() == run["route"]
    assert page.tab.locator("#runs img, #runs .answer a").count() == 0
    page.tab.select_option("#runs-filter", "wrong")
    assert rows.count() == 1
    page.check()


CONCEPT = {
    "id": "a/b?c#d",
    "title": "<script>alert(1)</script>",
    "description": HOSTILE,
    "kind": "routine",
    "status": "trusted",
    "cues": ["<b>when</b>"],
    "implementation": ["step"],
    "version": 3,
    "outcomes": {"recalled": 2, "helped": 1},
}


def answer_concepts(page, wanted):
    """Stands in for a server whose memory holds what no honest server would store."""

    def reply(route):
        request = route.request
        wanted.append((request.method, request.url.removeprefix(page.home), request.headers.get("if-match")))
        past = {"seq": 7, "action": "revised", "actor": "<i>", "cause": "", "changes": {"title": ["<b>", "<u>"]}}
        history = request.url.endswith("/history")
        listed = "?" in request.url
        data = {"data": [past] if history else [CONCEPT], "has_more": False} if history or listed else CONCEPT
        route.fulfill(json=data)

    page.tab.route("**/v1/concepts*", reply)
    page.tab.route("**/v1/concepts/**", reply)


def test_concepts_are_shown_as_text_edited_undone_and_forgotten(tab):
    page, wanted = tab(scripted()), []
    answer_concepts(page, wanted)
    page.tab.get_by_role("link", name="Concepts").click()
    page.tab.locator("#concepts .rows a").click()
    page.tab.locator(".history li").wait_for()
    assert page.tab.locator("#concepts .detail h2").inner_text() == CONCEPT["title"]
    assert page.tab.locator("#concepts .detail").locator("script, img, iframe, i, u").count() == 0
    page.tab.get_by_role("button", name="Edit").click()
    page.tab.fill("#edit-title", "Better")
    page.tab.get_by_role("button", name="Save").click()
    told = "word => document.getElementById('status').textContent === word"
    page.tab.wait_for_function(told, arg="Saved")
    page.tab.get_by_role("button", name="Undo: revised").click()
    page.tab.wait_for_function(told, arg="Undone")
    page.tab.get_by_role("button", name="Forget").click()
    page.tab.get_by_role("button", name="Press again").click()
    page.tab.wait_for_function(told, arg="Forgotten")
    changes = [one for one in wanted if one[0] != "GET"]
    where = "/v1/concepts/a%2Fb%3Fc%23d"
    assert changes == [("PATCH", where, '"3"'), ("POST", f"{where}/undo", None), ("DELETE", where, None)]
    page.check()


def test_a_server_without_memory_says_so_in_a_sentence(tab):
    page = tab(scripted())
    page.tab.get_by_role("link", name="Concepts").click()
    notice = page.tab.locator("#concepts .notice")
    notice.wait_for()
    assert notice.inner_text() in (
        "This server has no memory. Start it with --memory, and what it learns is shown here.",
        "This server does not show concepts.",
    )


@pytest.mark.parametrize("view", ["Chat", "Concepts", "Runs"])
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_wider_than_the_screen_and_all_that_is_pressed_has_a_name(tab, view, width):
    page = tab(scripted(found=HOSTILE), viewport={"width": width, "height": 700})
    page.ask(ASKED)
    page.tab.get_by_role("link", name=view).click()
    page.tab.locator("nav [aria-current=page]", has_text=view).wait_for()
    assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
    nameless = page.tab.evaluate("""() => [...document.querySelectorAll("button, a, input, select, textarea")]
        .filter((one) => one.checkVisibility())
        .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length))
        .map((one) => one.outerHTML)""")
    assert nameless == []
    assert page.tab.get_by_role("main").count() == 1
    assert page.tab.get_by_role("navigation").count() == 1
    assert page.tab.locator("nav [aria-current=page]").inner_text() == view


def test_the_keyboard_reaches_everything_from_the_top(tab):
    page = tab(scripted())
    assert page.tab.evaluate("document.activeElement.id") == "message"
    page.tab.keyboard.press("Tab")
    assert page.tab.evaluate("document.activeElement.id") == "model"
    page.tab.goto(f"{page.home}/#runs")
    skip = page.tab.locator(".skip")
    skip.focus()
    assert skip.bounding_box()["y"] >= 0  # seen as soon as it is reached
    page.tab.keyboard.press("Enter")
    assert page.tab.evaluate("document.activeElement.id") == "main"
    page.tab.keyboard.press("Tab")
    assert page.tab.evaluate("document.activeElement.id") == "file"


def test_light_and_dark_follow_the_system_until_they_are_chosen(tab):
    page = tab(scripted(), color_scheme="dark", reduced_motion="reduce")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.tab.evaluate(paper)
    page.tab.click("#theme-button")
    light = page.tab.evaluate(paper)
    assert (dark, light) == ("rgb(20, 23, 27)", "rgb(255, 255, 255)")
    page.tab.reload()
    assert page.tab.evaluate(paper) == light
    page.ask(ASKED)
    assert page.tab.evaluate("getComputedStyle(document.querySelector('.node')).animationName") == "none"
