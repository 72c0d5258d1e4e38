"""Runs agents of Pydantic AI over a server: a loop of tools, forms by a tool and by a JSON Schema, a stream."""

import asyncio
import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


url, question = sys.argv[1:]
model = OpenAIChatModel("pilotage", provider=OpenAIProvider(base_url=url, api_key="none"))
forecaster = Agent(model)


@forecaster.tool_plain
def weather(city: str) -> str:
    """The weather of a city."""
    return f"{city}: rain"


def spent(run):
    return [run.usage.input_tokens, run.usage.output_tokens]


async def streamed():
    async with Agent(model).run_stream(question) as stream:
        text = "".join([piece async for piece in stream.stream_text(delta=True)])
        thoughts = [
            part.content for message in stream.all_messages() for part in message.parts if part.part_kind == "thinking"
        ]
    return text, "".join(thoughts), spent(stream)


looped = forecaster.run_sync("How is the weather in Oslo?")
by_tool = Agent(model, output_type=Person).run_sync("Who was it?")
by_schema = Agent(model, output_type=NativeOutput(Person)).run_sync("Who was it?")
text, thought, usage = asyncio.run(streamed())
print(
    json.dumps(
        {
            "looped": looped.output,
            "by tool": by_tool.output.model_dump(),
            "by schema": by_schema.output.model_dump(),
            "pieces": text,
            "thought": thought,
            "usage": [usage, *map(spent, (looped, by_tool, by_schema))],
        }
    )
)
