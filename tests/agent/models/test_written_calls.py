"""Calls of tools that a model writes as text: told by their structure, piece by piece, and never guessed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.models.embedded.written_calls import LONGEST, WrittenCalls


def tool(name, required=(), **properties):
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


TOOLS = [
    tool("weather", ["city"], city={"type": "string"}, days={"type": "integer"}),
    tool("orders", ["id"], id={"type": "integer"}, status={"type": "string", "enum": ["open", "paid"]}),
]
OSLO = '{"name": "weather", "arguments": {"city": "Oslo"}}'


def heard(reply, size=3, **options):
    """What is shown of a reply that comes in pieces, and its calls."""
    written = WrittenCalls({"tools": TOOLS, **options})
    shown = "".join(written.add(reply[at : at + size]) for at in range(0, len(reply), size))
    rest, calls = written.end()
    return shown + rest, [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


@pytest.mark.parametrize(
    "reply",
    [
        OSLO,
        f"```json\n{OSLO}\n```",
        f"```\n{OSLO}\n```\n",
        f"<tool_call>\n{OSLO}\n</tool_call>",
        f"```xml\n<tool_call>\n{OSLO}\n</tool_call>\n```",
        f"[{OSLO}]",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_reply_that_is_nothing_but_a_call_is_one(reply, size):
    assert heard(reply, size) == ("", [("weather", {"city": "Oslo"})])


def test_several_calls_are_several_and_one_where_the_caller_wants_one():
    two = f'{OSLO}\n{{"name": "orders", "arguments": {{"id": 7, "status": "open"}}}}'
    assert [name for name, _ in heard(two)[1]] == ["weather", "orders"]
    assert [name for name, _ in heard(two, parallel_tool_calls=False)[1]] == ["weather"]
    written = WrittenCalls({"tools": TOOLS})
    written.add(two)
    deltas = written.end()[1]
    assert [delta["index"] for delta in deltas] == [0, 1] and len({delta["id"] for delta in deltas}) == 2


@pytest.mark.parametrize(
    "reply",
    [
        "It is raining in Oslo.",
        f"Call this: {OSLO}",
        f"```json\n{OSLO}\n```\nThat is how it is called.",
        "```python\nprint(1)\n```",
        '{"city": "Oslo"}',
        '{"name": "weather"}',
        '{"name": "weather", "arguments": {"city": "Oslo"}, "why": "asked"}',
        '{"name": "delete_all", "arguments": {"city": "Oslo"}}',
        '{"name": "weather", "arguments": {}}',
        '{"name": "weather", "arguments": {"town": "Oslo", "city": "Oslo"}}',
        '{"name": "weather", "arguments": {"city": 5}}',
        '{"name": "orders", "arguments": {"id": true}}',
        '{"name": "orders", "arguments": {"id": 1, "status": "gone"}}',
        '{"name": "weather", "arguments": "Oslo"}',
        OSLO[:-1],
        "[" * 5000,
        "",
    ],
)
def test_anything_else_stays_the_text_that_it_is(reply):
    assert heard(reply) == (reply, [])


def test_without_tools_or_with_none_chosen_nothing_is_held_back():
    for options in ({"tools": None}, {"tool_choice": "none"}):
        written = WrittenCalls({"tools": TOOLS, **options})
        assert written.add(OSLO) == OSLO and written.end() == ("", [])


def test_text_is_shown_as_soon_as_it_cannot_be_a_call_or_is_too_long_for_one():
    written = WrittenCalls({"tools": TOOLS})
    assert written.add("``") == "" and written.add("`py") == "```py" and written.add("thon") == "thon"
    written = WrittenCalls({"tools": TOOLS})
    assert written.add("{" + "a" * LONGEST) != ""


@given(
    st.lists(st.sampled_from([OSLO, "```json", "```", "\n", " ", "<tool_call>", "{", "[", "]", ",", "x", "null", "1"]))
)
def test_nothing_is_lost_of_any_reply(pieces):
    reply = "".join(pieces)
    text, calls = heard(reply)
    assert text == reply if not calls else text == ""
