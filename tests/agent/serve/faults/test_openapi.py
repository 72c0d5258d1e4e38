"""The OpenAPI document is true, and whatever is sent by it or beside it, the server answers in one shape."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as conformance

from pilotage.agent.chat.reply_fields import HARMLESS, PASSED_ON
from pilotage.agent.models.scripted import ScriptedChatModel
from pilotage.agent.serve.extras import OWN
from pilotage.agent.serve.schema.document import ENDPOINTS
from pilotage.agent.serve.schema.requests import ChatBody, ResponsesBody
from tests.agent.serve.faults.conftest import HELLO, LONG
from tests.agent.serve.tenants import seller

CHECKS = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]
EXAMPLES = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
BODIES = {
    "/v1/chat/completions": {"model": "pilotage", "messages": HELLO},
    "/v1/responses": {"model": "pilotage", "input": "hi there"},
    "/v1/feedback": {"completion_id": "chatcmpl-0", "helped": True},
    "/v1/concepts": {"title": "Sum of numbers", "cues": ["numbers are added"], "implementation": ["Add them."]},
}
FIELDS = {
    "/v1/chat/completions": list(ChatBody.model_fields),
    "/v1/responses": list(ResponsesBody.model_fields),
    "/v1/feedback": ["completion_id", "helped", "correction"],
    "/v1/concepts": ["kind", "title", "cues", "implementation", "parameters", "description", "links"],
}
EXTREMES = [
    *(float("nan"), float("inf"), -float("inf"), 10**400, -(10**30), 2**63, 1e308, -0.0, True, "", "\0"),
    *("\ud800", "a" * 100_000, [], {}, [[]], [None], {"": None}, {"\ud800": "\ud800"}, "＜script＞", "\u202e"),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(EXTREMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
BROKEN = {
    "nothing": b"",
    "blank": b" \n",
    "half": b'{"model": "pilotage", "messages": [',
    "two": b"{}{}",
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "UTF-16": '{"model": "pilotage"}'.encode("utf-16"),
    "no JSON": b"model=pilotage&messages=hi",
    "list": b"[1, 2]",
    "number": b"7",
    "null": b"null",
    "string": b'"pilotage"',
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "open lists": b"[" * 1_000_000,
    "long number": b'{"model": ' + b"9" * 100_000 + b"}",
    "long exponent": b'{"model": 1e999999999}',
    "NaN": b'{"model": NaN, "messages": Infinity}',
    "zero byte": b'{"model": "pilotage\x00"}',
    "comment": b'{"model": "pilotage" /* hi */}',
    "many keys": b"{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}",
}


@pytest.fixture(scope="module")
def served(module_serve, tmp_path_factory):
    """A client of a server with a memory that answers at once, and its own document."""
    client = module_serve(seller(kind=ScriptedChatModel), str(tmp_path_factory.mktemp("memory")))
    return client, schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


def hold_to_the_shape(reply):
    assert reply.status_code < 500, reply.text
    if reply.status_code >= 400:
        assert set(reply.json()) == {"error"}, reply.text
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"} and reply.json()["error"]["message"]


VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CASES = [
    pytest.param(*where, mode, id=f"{' '.join(where)} {mode.value}")
    for where, endpoint in ENDPOINTS.items()
    for mode in (VALID, INVALID)
    if mode == VALID or endpoint.body or endpoint.queries
]
"""Every endpoint; what takes nothing but a text in its path can be sent nothing that is invalid."""


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_schemathesis_finds_nothing(served, method, path, mode):
    client, document = served

    @EXAMPLES
    @given(document[path][method].as_strategy(generation_mode=mode))
    def conforms(case):
        reply = case.call(timeout=LONG)
        case.validate_response(reply, checks=CHECKS)
        hold_to_the_shape(reply)

    conforms()
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("path", BODIES)
def test_what_is_no_request_is_refused(served, path, kind):
    reply = served[0].post(path, content=BROKEN[kind], headers={"Content-Type": "application/json"})
    hold_to_the_shape(reply)
    assert 400 <= reply.status_code < 500


@pytest.mark.parametrize("path", BODIES)
def test_a_field_of_any_type_is_taken_or_refused(served, path):
    @settings(EXAMPLES, max_examples=150)
    @given(st.sampled_from(FIELDS[path]), ANYTHING)
    def holds(name, value):
        body = BODIES[path] | {name: value}
        hold_to_the_shape(served[0].post(path, content=json.dumps(body).encode()))

    holds()


@pytest.mark.parametrize("path", BODIES)
def test_of_a_key_that_stands_twice_the_last_is_read(served, path):
    text = json.dumps(BODIES[path])
    first = next(iter(BODIES[path]))
    hold_to_the_shape(served[0].post(path, content=f'{text[:-1]}, "{first}": 5}}'.encode()))
    well = served[0].post(path, content=f'{{"{first}": 5, {text[1:]}'.encode())
    assert well.status_code == (404 if path == "/v1/feedback" else 200) or well.status_code == 201


def test_the_document_tells_every_route_and_no_other(served):
    told = served[0].get("/openapi.json").json()["paths"]
    assert {(method, path) for path, methods in told.items() for method in methods} == set(ENDPOINTS)


def test_the_document_tells_the_fields_that_are_read(served):
    assert PASSED_ON | HARMLESS | {OWN} <= ChatBody.model_fields.keys()
    for path in ("/v1/chat/completions", "/v1/responses"):
        for name in FIELDS[path]:
            if name in BODIES[path]:
                continue
            assert served[0].post(path, json=BODIES[path] | {name: None}).status_code == 200
            strange = served[0].post(path, json=BODIES[path] | {name: [5]})
            assert "is no field" not in strange.text and "is not taken here" not in strange.text, name
        unknown = served[0].post(path, json=BODIES[path] | {"frobnicate": 1})
        assert unknown.status_code == 400 and unknown.json()["error"]["param"] == "frobnicate"
