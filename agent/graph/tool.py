"""The agent as a LangChain tool, for `create_agent` and for tool nodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, Field

from pilotage.agent.errors import UsageError
from pilotage.agent.graph.messages import NO_ANSWER
from pilotage.agent.models.quiet import QUIET

if TYPE_CHECKING:
    from pilotage.agent.run import Run
    from pilotage.agent.runner import ReasoningAgent


class Question(BaseModel):
    """What the tool takes."""

    question: str = Field(min_length=1, description="the whole question, with every fact that it needs")


def tool_of(agent: ReasoningAgent, name: str, description: str) -> BaseTool:
    """The tool. What cannot be asked as it is comes back as a sentence for the model; a dead endpoint is an error."""

    def solve(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        with _errors_for_the_model():
            return _content_and_artifact(agent.solve(question, config=_quiet(config)))

    async def asolve(question: str, config: RunnableConfig) -> tuple[str, dict[str, Any]]:
        with _errors_for_the_model():
            return _content_and_artifact(await agent.asolve(question, config=_quiet(config)))

    return StructuredTool.from_function(
        func=solve,
        coroutine=asolve,
        name=name,
        description=description,
        args_schema=Question,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


@contextmanager
def _errors_for_the_model() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        raise ToolException(str(error)) from error


def _quiet(config: RunnableConfig) -> RunnableConfig:
    return {**config, "tags": [*(config.get("tags") or ()), QUIET]}


def _content_and_artifact(run: Run) -> tuple[str, dict[str, Any]]:
    return (run.answer if run.answer is not None else NO_ANSWER), run.to_json()
