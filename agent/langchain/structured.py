"""Structured output: a chat model whose replies are parsed into a schema, the way that LangChain's own models do it."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from pilotage.agent.errors import UsageError

Method = Literal["function_calling", "json_schema", "json_mode"]


def structured(
    model: BaseChatModel, schema: Any, *, method: Method, strict: bool | None, include_raw: bool, more: dict[str, Any]
) -> Runnable[Any, Any]:
    """The model bound to a method of OpenAI's for getting a form, and the parser behind it.

    Raises:
        UsageError: there is no such method, or no schema.
    """
    if schema is None and method != "json_mode":
        raise UsageError("structured output needs a schema: a pydantic class, a TypedDict or a JSON Schema")
    told = {"ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": schema}}
    is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    parser: Runnable[Any, Any] = PydanticOutputParser(pydantic_object=schema) if is_class else JsonOutputParser()
    if method == "function_calling":
        name = convert_to_openai_tool(schema)["function"]["name"]
        options = {"tool_choice": name, "parallel_tool_calls": False, "strict": strict, **told, **more}
        bound: Runnable[Any, Any] = model.bind_tools([schema], **options)
        parser = (
            PydanticToolsParser(tools=[schema], first_tool_only=True)
            if is_class
            else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
        )
    elif method == "json_schema":
        bound = model.bind(response_format=_json_schema(schema, strict), **told, **more)
    elif method == "json_mode":
        bound = model.bind(response_format={"type": "json_object"}, **told, **more)
    else:
        raise UsageError(f"there is no method {method!r}: use function_calling, json_schema or json_mode")
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _json_schema(schema: Any, strict: bool | None) -> dict[str, Any]:
    """A `response_format` of OpenAI's."""
    if isinstance(schema, dict) and schema.get("type") == "json_schema":
        return schema
    written = convert_to_json_schema(schema, strict=strict)
    name = re.sub(r"[^\w-]", "_", str(written.get("title") or "reply"), flags=re.ASCII)[:64]
    asked = {"name": name, "schema": written}
    return {"type": "json_schema", "json_schema": asked if strict is None else {**asked, "strict": strict}}
