"""Items: what a request brings, checked and given ids, and the messages that a model reads of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pilotage.agent.chat.conversation import read_messages
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.fields import Fields, untaken, wrong
from pilotage.agent.serve.responses.tools import JOINT

Item = dict[str, Any]
ROLES = ("user", "assistant", "system", "developer")
PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}
"""What the ids of items begin with, by their type."""
LONGEST_ID = 256
"""Characters of an id that a client gives."""


def new_id(kind: str) -> str:
    """An id for an item of a type."""
    return f"{PREFIXES[kind]}_{secrets.token_hex(16)}"


def read_items(given: Any) -> list[Item]:
    """The items of an input, which may be text or a list.

    References to other items are left as they are.

    Raises:
        ApiError: 400 that names the item at fault.
    """
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if not isinstance(given, list):
        raise wrong("input", "is text, or a list of items")
    return [_item(one, f"input.{place}") for place, one in enumerate(given)]


def _item(given: Any, where: str) -> Item:
    if not isinstance(given, Mapping):
        raise wrong(where, "is an object")
    kind = given.get("type") or ("message" if "role" in given else "item_reference")
    fields = Fields(given, f"{where}.")
    fields.take("type")
    id = _id(fields, where)
    if kind == "item_reference":
        fields.end()
        return {"type": kind, "id": id or _missing(f"{where}.id", "names an item")}
    if not isinstance(kind, str) or kind not in PREFIXES:
        raise untaken(f"{where}.type", f"is {kind!r}: give messages, function calls, their outputs, or references")
    item: Item = {"type": kind, "id": id or new_id(kind)}
    if kind == "reasoning":  # no model is shown it again, whatever is in it
        item |= {name: given[name] for name in ("summary", "content", "encrypted_content") if given.get(name)}
        return {**item, "summary": item.get("summary", [])}
    if kind == "message":
        item |= {"status": "completed", **_message(fields, where)}
    elif kind == "function_call":
        item |= {name: fields.text(name, least=1) or _missing(f"{where}.{name}", "is text") for name in _CALL}
        item |= {"arguments": fields.text("arguments") or "{}", "status": "completed"}
        if namespace := fields.text("namespace"):
            item["namespace"] = namespace
    else:
        item["call_id"] = fields.text("call_id", least=1) or _missing(f"{where}.call_id", "names a call")
        item |= {"output": _output(fields.take("output"), where), "status": "completed"}
    for name in _OF_THE_TIME:
        fields.take(name)
    fields.end()
    return item


_CALL = ("call_id", "name")
_OF_THE_TIME = ("status", "end_turn")
"""What an item was when it was written; what a request brings has ended."""


def _message(fields: Fields, where: str) -> Item:
    role = fields.choice("role", ROLES) or _missing(f"{where}.role", f"is one of {', '.join(ROLES)}")
    content = fields.take("content")
    own = "output_text" if role == "assistant" else "input_text"
    if isinstance(content, str):
        content = [{"type": own, "text": content}]
    if not isinstance(content, list):
        raise wrong(f"{where}.content", "is text, or a list of parts")
    parts = [_part(part, own, f"{where}.content.{place}") for place, part in enumerate(content)]
    phase = fields.choice("phase", ("commentary", "final_answer"))
    return {"role": role, "content": parts, **({"phase": phase} if phase else {})}


def _part(given: Any, own: str, where: str) -> Item:
    fields = Fields(given if isinstance(given, Mapping) else {}, f"{where}.")
    kind = fields.take("type")
    part: Item | None = None
    if kind in ("input_text", "output_text", "text"):
        if (text := fields.text("text")) is None:
            raise wrong(f"{where}.text", "is text")
        for name in ("annotations", "logprobs"):  # of what a model wrote before, which is read as text
            fields.take(name)
        part = {"type": own, "text": text, **({"annotations": []} if own == "output_text" else {})}
    elif kind == "refusal" and (refusal := fields.text("refusal")) is not None:
        part = {"type": kind, "refusal": refusal}
    elif kind == "input_image" and own == "input_text":
        url, detail = fields.take("image_url"), fields.text("detail") or "auto"
        if not isinstance(url, str):
            raise untaken(f"{where}.image_url", "is what an image needs here: this server keeps no files")
        part = {"type": kind, "image_url": url, "detail": detail}
    if part is None:
        raise untaken(f"{where}.type", f"is {kind!r}: give text, or images by their URL in messages of the user")
    fields.end()
    return part


def _output(output: Any, where: str) -> str | list[Item]:
    if isinstance(output, str):
        return output
    if not isinstance(output, list):
        raise wrong(f"{where}.output", "is text, or a list of parts")
    parts = [_part(part, "input_text", f"{where}.output.{place}") for place, part in enumerate(output)]
    for place, part in enumerate(parts):
        if part["type"] != "input_text":
            raise untaken(f"{where}.output.{place}", "is no text: the results of tools are text here")
    return parts


def _id(fields: Fields, where: str) -> str | None:
    id = fields.take("id")
    if id is not None and not (isinstance(id, str) and 0 < len(id) <= LONGEST_ID):
        raise wrong(f"{where}.id", f"is text of 1 to {LONGEST_ID} characters")
    return id


def _missing(name: str, due: str) -> str:
    raise wrong(name, due)


def messages_of(instructions: str | None, items: Iterable[Item]) -> tuple[Message, ...]:
    """The conversation that items make, behind the instructions.

    Reasoning is left out. Calls stand in one message with the text before them, as the chat protocol has them.

    Raises:
        ApiError: 400, a call and its output do not belong together, or nobody asks anything.
    """
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    called: dict[str, bool] = {}  # whether a call's output is there, by its id
    for item in items:
        last = messages[-1] if messages and messages[-1]["role"] == "assistant" else None
        if item["type"] == "message":
            content = list(map(_chat_part, item["content"]))
            if last is not None and "tool_calls" in last and item["role"] == "assistant":
                last["content"] += content
            else:
                messages.append({"role": item["role"], "content": content})
        elif item["type"] == "function_call":
            if last is None:
                messages.append(last := {"role": "assistant", "content": []})
            last.setdefault("tool_calls", []).append(_chat_call(item))
            called[item["call_id"]] = False
        elif item["type"] == "function_call_output":
            if (id := item["call_id"]) not in called:
                raise _unmatched(f"there is no call {id!r} before its output")
            called[id] = True
            messages.append({"role": "tool", "tool_call_id": id, "content": item["output"]})
    if open_calls := [id for id, answered in called.items() if not answered]:
        raise _unmatched(f"the output of the call {open_calls[0]!r} is missing")
    try:
        return read_messages(messages)
    except UsageError as error:
        raise ApiError(400, str(error), param="input", code="invalid_input") from None


def _unmatched(what: str) -> ApiError:
    return ApiError(400, f"`input` is not as it should be: {what}", param="input", code="invalid_input")


def _chat_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "input_image":
        return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part["detail"]}}
    return {"type": "text", "text": part["refusal"] if part["type"] == "refusal" else part["text"]}


def _chat_call(item: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{item['namespace']}{JOINT}{item['name']}" if "namespace" in item else item["name"]
    return {"id": item["call_id"], "type": "function", "function": {"name": name, "arguments": item["arguments"]}}


def summary_part(text: str) -> Item:
    """A part of the summary of a reasoning item."""
    return {"type": "summary_text", "text": text}


def reasoning_item(id: str, texts: Sequence[str], status: str) -> Item:
    """What was worked out and thought before a reply, a part of the summary each."""
    return {"type": "reasoning", "id": id, "status": status, "summary": list(map(summary_part, texts))}


def text_part(text: str) -> Item:
    """The part of a message that is text of the model."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def message_item(id: str, parts: Sequence[Item], status: str) -> Item:
    """A message of the model."""
    return {"type": "message", "id": id, "status": status, "role": "assistant", "content": list(parts)}


def call_item(id: str, call_id: str, called: Mapping[str, str], arguments: str, status: str) -> Item:
    """A call of a function of the client's; `called` is its name, and its namespace where it has one."""
    return {
        "type": "function_call",
        "id": id,
        "call_id": call_id,
        **called,
        "arguments": arguments,
        "status": status,
    }
