"""Client libraries in Python, each in an environment of its own."""

from tests.agent.serve.test_over_an_upstream import billed
from tests.clients.replies import QUESTION, reply

PERSON = {"name": "Ada", "age": 36}


def test_litellm(served, told):
    upstream, url = served(reply)
    said = told("litellm", url, QUESTION)
    assert said["whole"] == said["pieces"] == "It is 391."
    assert "391" in said["thought"] and "391" in said["thought in pieces"]
    assert said["later"] == "Hello there!"
    assert said["called"] == [["weather", '{"city": "Oslo"}']] and said["finish"] == "tool_calls"
    assert said["spoken"] == "It rains in Oslo."
    assert {status: [kind, code] for status, (kind, code, _) in said["raised"].items()} == {
        "400": ["BadRequestError", 400],
        "401": ["BadGatewayError", 502],
        "404": ["NotFoundError", 404],
        "429": ["RateLimitError", 429],
        "500": ["InternalServerError", 500],
    }
    for status, (_, _, why) in said["raised"].items():
        assert ("refused the key or the account of this server" if status == "401" else f"says {status}") in why
    assert said["usage"][0] == said["usage"][2]
    assert [sum(tokens) for tokens in zip(*said["usage"], strict=True)] == list(billed(upstream))


def test_instructor(served, told):
    upstream, url = served(reply)
    said = told("instructor", url)
    assert {mode: person for mode, (person, _) in said.items()} == {"tool_call": PERSON, "json_schema_mode": PERSON}
    assert sum(tokens for _, tokens in said.values()) == sum(billed(upstream))


def test_pydantic_ai(served, told):
    upstream, url = served(reply)
    said = told("pydantic_ai", url, QUESTION)
    assert said["looped"] == "It rains in Oslo."
    assert said["by tool"] == said["by schema"] == PERSON
    assert said["pieces"] == "It is 391." and "391" in said["thought"]
    assert sum(tokens for usage in said["usage"] for tokens in usage) == sum(billed(upstream))
