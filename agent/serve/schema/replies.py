"""Replies, as the OpenAPI document tells them; fields beyond these may come."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from pilotage.memory.concept import Concept

Data = dict[str, Any]


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(BaseModel):
    """Every error, whatever its status."""

    error: ErrorBody


class Usage(BaseModel):
    """What all upstream calls for a completion cost."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Choice(BaseModel):
    """One reply of a completion."""

    index: int
    message: Data
    finish_reason: str


class Completion(BaseModel):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class ResponseObject(BaseModel):
    """A response of the Responses API."""

    id: str
    object: Literal["response"]
    created_at: int
    status: str
    model: str
    output: list[Data]
    usage: Data | None
    error: Data | None


class Embeddings(BaseModel):
    """Vectors, as the upstream gives them."""

    object: str
    data: list[Data]
    model: str


class Model(BaseModel):
    """A name that `model` may have."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class Models(BaseModel):
    """All names but those of blocks."""

    object: Literal["list"]
    data: list[Model]


class Items(BaseModel):
    """A page of items."""

    object: Literal["list"]
    data: list[Data]
    has_more: bool


class Health(BaseModel):
    """The server takes requests."""

    status: Literal["ok"]


class Deleted(BaseModel):
    """Something is gone."""

    object: str
    deleted: Literal[True]


class Forgotten(BaseModel):
    """A concept is retired."""

    object: Literal["concept.forgotten"]
    id: str
    forgotten: Literal[True]


class FeedbackSaid(BaseModel):
    """What feedback changed."""

    object: Literal["feedback"]
    completion_id: str
    helped: bool
    changed: bool
    lesson: str | None
    why: str


class ConceptShape(Concept):
    """A concept; without its namespace, which is the key's."""

    object: Literal["concept"]


class Concepts(BaseModel):
    """A page of concepts."""

    object: Literal["list"]
    data: list[ConceptShape]
    has_more: bool
    limit: int
    offset: int
