"""Asks a server through LiteLLM, and prints what came of it as JSON."""

import asyncio
import json
import sys

import litellm

url, question = sys.argv[1:]
served = {"model": "openai/pilotage", "api_base": url, "api_key": "none", "num_retries": 0}
tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def asks(text):
    return [{"role": "user", "content": text}]


def raised(status):
    try:
        litellm.completion(messages=asks(f"fail with {status}"), **served)
    except Exception as error:  # its kind is what is asked for
        return [type(error).__name__, error.status_code, str(error)]


whole = litellm.completion(messages=asks(question), **served)
later = asyncio.run(litellm.acompletion(messages=asks("hi there"), **served))
chunks = list(
    litellm.completion(messages=asks(question), stream=True, stream_options={"include_usage": True}, **served)
)
calling = litellm.completion(messages=asks("How is the weather in Oslo?"), tools=[tool], **served)
called = calling.choices[0]
result = {"role": "tool", "tool_call_id": called.message.tool_calls[0].id, "content": "rain"}
spoken = litellm.completion(
    messages=[*asks("How is the weather in Oslo?"), called.message, result], tools=[tool], **served
)
deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
print(
    json.dumps(
        {
            "whole": whole.choices[0].message.content,
            "thought": whole.choices[0].message.reasoning_content,
            "later": later.choices[0].message.content,
            "pieces": "".join(delta.content or "" for delta in deltas),
            "thought in pieces": "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas),
            "usage": [
                [usage.prompt_tokens, usage.completion_tokens]
                for usage in (reply.usage for reply in (whole, later, chunks[-1], calling, spoken))
            ],
            "called": [[call.function.name, call.function.arguments] for call in called.message.tool_calls],
            "finish": called.finish_reason,
            "spoken": spoken.choices[0].message.content,
            "raised": {status: raised(status) for status in (400, 401, 404, 429, 500)},
        }
    )
)
