"""Bodies of requests, as the OpenAPI document tells them.

Bodies are read by hand (`chat_request.py`, `responses/request.py`), which refuses by name and in a sentence; the tests
hold these models to what is read. A null stands for a field that is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pilotage.agent.serve.chat_request import MOST_CHOICES
from pilotage.agent.serve.extras import Extras
from pilotage.memory.learning.correction import LONGEST

Count = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Text = Annotated[str, Field(min_length=1)]
Data = dict[str, Any]


class Body(BaseModel):
    """A body; what it does not name is refused."""

    model_config = ConfigDict(extra="forbid")


class ChatMessage(BaseModel):
    """A message; parts of its content are texts."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Data] | None = None
    name: str | None = None
    tool_calls: list[Data] | None = None
    tool_call_id: str | None = None


class StreamOptions(BaseModel):
    """How a stream is told."""

    include_usage: bool | None = None


class ChatBody(Body):
    """Body of `/v1/chat/completions`; with the model `passthrough` whatever the upstream takes stands beside it."""

    model: Text
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    stop: Text | list[Text] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    logprobs: bool | None = Field(None, description="for the model `passthrough` alone")
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: list[Data] | None = None
    tool_choice: str | Data | None = None
    parallel_tool_calls: bool | None = None
    response_format: Data | None = None
    logit_bias: Data | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    grammar: str | None = None
    guided_json: Any = None
    chat_template_kwargs: Data | None = None
    user: str | None = None
    metadata: Data | None = None
    store: bool | None = None
    pilotage: Extras | None = None


class ResponsesBody(Body):
    """Body of `/v1/responses`."""

    model: Text
    input: str | list[Data] | None = Field(None, description="may be left out where a response is continued")
    instructions: str | None = None
    previous_response_id: Text | None = None
    stream: bool | None = None
    stream_options: Data | None = None
    store: bool | None = None
    max_output_tokens: Count | None = None
    max_tool_calls: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    tools: list[Data] | None = None
    tool_choice: str | Data | None = None
    parallel_tool_calls: bool | None = None
    text: Data | None = None
    reasoning: Data | None = None
    include: list[str] | None = None
    truncation: Literal["disabled"] | None = None
    background: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    client_metadata: Any = None
    metadata: Data | None = None
    user: str | None = None
    pilotage: Extras | None = None


class EmbeddingsBody(BaseModel):
    """Body of `/v1/embeddings`; whatever else the upstream takes stands beside it."""

    model_config = ConfigDict(extra="allow")

    model: Text
    input: str | list[Any] | None = None


class FeedbackBody(Body):
    """Body of `/v1/feedback`."""

    completion_id: Text
    helped: bool
    correction: Annotated[str, Field(max_length=LONGEST)] | None = None


class UndoBody(BaseModel):
    """Body of `/v1/concepts/{id}/undo`; without one the last event is taken back."""

    event: int | None = None
