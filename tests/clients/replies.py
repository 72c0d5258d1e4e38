"""What the upstream of these tests says: it works a product out, calls a tool, fills a form, and fails when told to."""

import re

from tests.agent.chat.test_conversations import ASKED
from tests.agent.serve.test_over_an_upstream import working
from tests.agent.serve.upstream import Line

PERSON = '{"name": "Ada", "age": 36}'
QUESTION = ASKED


def reply(body):
    """The reply to a request, by what it holds."""
    last = body["messages"][-1]
    text = str(last["content"])
    if fault := re.fullmatch(r"fail with (\d+)", text):
        return Line(fault=int(fault[1]))
    if last["role"] == "tool":
        return Line("It rains in Oslo.")
    if tools := [tool["function"]["name"] for tool in body.get("tools") or ()]:
        weather = '{"city": "Oslo"}'
        return Line(thinking="Which one?", calls=[(tools[0], weather if "weather" in tools[0] else PERSON)])
    if (body.get("response_format") or {}).get("type") == "json_schema":
        return Line(PERSON)
    return working(body)
