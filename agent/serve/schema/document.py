"""The OpenAPI document: what the routes are called by FastAPI, and what bodies and replies they have by this table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from pilotage.agent.serve.memory.concepts import MOST
from pilotage.agent.serve.responses.routes import MOST_LISTED
from pilotage.agent.serve.schema import replies, requests
from pilotage.memory.concept import ConceptDraft, ConceptKind, Status

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_NOT_TOLD = ("namespace", "format")
"""Fields of a concept that no client is shown."""


@dataclass(frozen=True)
class Endpoint:
    """A route.

    Attributes:
        reply: when all is well; None where it never is.
        body: of the request; None for none.
        statuses: of the reply.
        stream: whether it may be a stream of events instead.
        text: whether the reply is plain text.
        queries: parameters behind the path, each with its schema.
        headers: parameters in the head.
        whole: whether all fields of the body are needed that its model needs.
        optional: whether the body may be left out.
    """

    reply: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    statuses: tuple[int, ...] = (200,)
    stream: bool = False
    text: bool = False
    queries: dict[str, dict[str, Any]] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    whole: bool = True
    optional: bool = False


_TEXT: dict[str, Any] = {"type": "string"}
_USER = {"user": _TEXT}
_INCLUDE = {"include": {"type": "array", "items": _TEXT}}


def _number(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


_PAGE = {
    "limit": _number(1, MOST),
    "offset": _number(0, 10**9),
    "status": _one_of(*get_args(Status)),
    "kind": _one_of(*get_args(ConceptKind)),
    "query": _TEXT,
}
_ITEMS = {"limit": _number(1, MOST_LISTED), "order": _one_of("asc", "desc"), "after": _TEXT}
_CONCEPT = replies.ConceptShape

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("get", "/metrics"): Endpoint(text=True),
    ("get", "/health"): Endpoint(replies.Health),
    ("get", "/v1/models"): Endpoint(replies.Models),
    ("get", "/v1/models/{name}"): Endpoint(replies.Model),
    ("post", "/v1/chat/completions"): Endpoint(replies.Completion, requests.ChatBody, stream=True),
    ("post", "/v1/responses"): Endpoint(replies.ResponseObject, requests.ResponsesBody, stream=True),
    ("get", "/v1/responses/{id}"): Endpoint(replies.ResponseObject, queries={"stream": _one_of("false"), **_INCLUDE}),
    ("delete", "/v1/responses/{id}"): Endpoint(replies.Deleted),
    ("post", "/v1/responses/{id}/cancel"): Endpoint(),
    ("get", "/v1/responses/{id}/input_items"): Endpoint(replies.Items, queries=_ITEMS | _INCLUDE),
    ("post", "/v1/embeddings"): Endpoint(replies.Embeddings, requests.EmbeddingsBody),
    ("post", "/v1/feedback"): Endpoint(replies.FeedbackSaid, requests.FeedbackBody),
    ("get", "/v1/concepts"): Endpoint(replies.Concepts, queries=_PAGE | _USER),
    ("post", "/v1/concepts"): Endpoint(_CONCEPT, ConceptDraft, (200, 201), queries=_USER),
    ("get", "/v1/concepts/{id}"): Endpoint(_CONCEPT, queries=_USER),
    ("patch", "/v1/concepts/{id}"): Endpoint(_CONCEPT, ConceptDraft, queries=_USER, headers=("If-Match",), whole=False),
    ("delete", "/v1/concepts/{id}"): Endpoint(replies.Forgotten, queries=_USER),
    ("get", "/v1/concepts/{id}/history"): Endpoint(replies.Items, queries=_USER),
    ("post", "/v1/concepts/{id}/undo"): Endpoint(_CONCEPT, requests.UndoBody, queries=_USER, optional=True),
    ("get", "/v1/namespaces/{name}"): Endpoint(replies.Items),
    ("delete", "/v1/namespaces/{name}"): Endpoint(replies.Deleted),
}


def describe(app: FastAPI) -> None:
    """Has an application tell its document with all bodies and replies."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    told = get_openapi(title=app.title, version=app.version, routes=app.routes)
    bodies = {one.body for one in ENDPOINTS.values() if one.body}
    told_models = {replies.Error, *(one.reply for one in ENDPOINTS.values() if one.reply)}
    modes: list[Any] = [(model, "validation") for model in bodies] + [(model, "serialization") for model in told_models]
    names, defined = models_json_schema(sorted(modes, key=str), ref_template=_REF)
    schemas = defined["$defs"]
    for name in ("ConceptShape",):
        shown = schemas[name]
        shown["properties"] = {part: one for part, one in shown["properties"].items() if part not in _NOT_TOLD}
        shown["required"] = [part for part in shown["required"] if part not in _NOT_TOLD]
        shown.pop("additionalProperties", None)  # a search adds how similar it is
    told["components"] = {
        "schemas": schemas,
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "where the server has keys"}},
    }
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            if (endpoint := ENDPOINTS.get((method, path))) is not None:
                _tell(operation, endpoint, names, schemas)
    return told


def _tell(operation: dict[str, Any], endpoint: Endpoint, names: Any, schemas: dict[str, Any]) -> None:
    error = {"description": "An error", "content": {_JSON: {"schema": names[replies.Error, "serialization"]}}}
    content: dict[str, Any] = {}
    if endpoint.text:
        content = {"text/plain": {"schema": _TEXT}}
    elif endpoint.reply is not None:
        content = {_JSON: {"schema": names[endpoint.reply, "serialization"]}}
    if endpoint.stream:
        content["text/event-stream"] = {"schema": _TEXT}
    well = {str(status): {"description": "All is well", "content": content} for status in endpoint.statuses if content}
    operation["responses"] = {**well, "4XX": error, "5XX": error}
    if endpoint.body is not None:
        schema = names[endpoint.body, "validation"]
        if not endpoint.whole:
            fields = schemas[endpoint.body.__name__]["properties"]
            schema = {"type": "object", "properties": fields, "minProperties": 1, "additionalProperties": False}
        operation["requestBody"] = {"required": not endpoint.optional, "content": {_JSON: {"schema": schema}}}
    more = [{"name": name, "in": "query", "required": False, "schema": s} for name, s in endpoint.queries.items()]
    more += [{"name": name, "in": "header", "required": False, "schema": _TEXT} for name in endpoint.headers]
    if more:
        operation["parameters"] = [*operation.get("parameters", ()), *more]
    operation["security"] = [{"key": []}, {}]
