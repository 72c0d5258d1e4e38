"""What is told of a run, its blocks, its memory and its programs, at the beginning and at the end of each."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pilotage.agent.telemetry.content import captured
from pilotage.agent.telemetry.spans import Attributes, Opening, failure_of

if TYPE_CHECKING:
    from pilotage.agent.graph.advance import BlockResult
    from pilotage.agent.run import Run
    from pilotage.agent.sandbox.execution import Execution
    from pilotage.agent.trace import Recalled, Usage

AGENT = "pilotage"
PORTS = {"http": 80, "https": 443}


def invoking(model: Attributes, policy: str) -> Opening:
    """A run of the agent, over the model of which the attributes tell."""
    return Opening(
        f"invoke_agent {AGENT}",
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": AGENT,
            "gen_ai.agent.version": version(AGENT),
            "pilotage.policy": policy,
            **model,
        },
    )


def ran(run: Run) -> Attributes:
    """A run that is over. Its tokens are those of the calls within, which tell them too."""
    return {
        "pilotage.run": run.id or None,
        "pilotage.route": run.route,
        "pilotage.stopped_by": run.stopped_by,
        "pilotage.verified": run.verified,
        **tokens(run.usage),
    }


def not_run(error: BaseException) -> Attributes:
    """A run that failed, and what it had cost by then, where the error knows."""
    trace = getattr(error, "trace", None)
    return {**failure_of(error), **({} if trace is None else tokens(trace.usage))}


def tokens(usage: Usage) -> dict[str, Any]:
    """What calls have cost, as far as there was any of a kind."""
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
    }


def passing(model: str, base: str) -> Opening:
    """A request that goes to an OpenAI-compatible upstream as it came."""
    named = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model}
    return Opening(f"chat {model}", {**named, **server(base)}, "CLIENT")


def server(address: str) -> dict[str, Any]:
    """Where a model is asked, by its base URL; nothing of what is no address."""
    parts = urlsplit(address)
    port = parts.port or PORTS.get(parts.scheme)
    return {"server.address": parts.hostname, "server.port": port} if parts.hostname else {}


def running(block: str) -> Opening:
    """A block of a run, for which the conventions have no name."""
    return Opening(f"block {block}", {"pilotage.block": block})


def ended(result: BlockResult) -> Attributes:
    """A block's step: whether it reached a candidate, and the limit that cut it short."""
    return {"pilotage.candidate": result.step.candidate is not None, "pilotage.stopped_by": result.stopped_by}


def searching(query: str) -> Opening:
    """A search of the memory."""
    named = {"gen_ai.operation.name": "search_memory"}
    return Opening("search_memory", {**named, **captured(gen_ai__memory__query__text=query)})


def found(recalled: Recalled) -> Attributes:
    """What a search gave; none is an abstention."""
    hints = recalled.hints
    records = [{"id": hint.concept_id, "content": hint.title, "score": hint.similarity} for hint in hints]
    return {"gen_ai.memory.record.count": len(hints), **captured(gen_ai__memory__records=records)}


def executing(code: str, stdin: str, mode: str) -> Opening:
    """A program in the sandbox."""
    return Opening(
        "execute_tool python",
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "python",
            "gen_ai.tool.type": "extension",
            "pilotage.sandbox": mode,
            **captured(gen_ai__tool__call__arguments={"code": code, "stdin": stdin}),
        },
    )


def executed(execution: Execution) -> Attributes:
    """What came of a program."""
    printed = {"stdout": execution.stdout, "stderr": execution.stderr}
    return {"process.exit.code": execution.exit_code, **captured(gen_ai__tool__call__result=printed)}
