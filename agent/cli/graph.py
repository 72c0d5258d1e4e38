"""`pilotage graph`: the agent's graph as a Mermaid drawing."""

from __future__ import annotations

from agent.cli.memory_open import AsJson
from agent.cli.terminal import print_json


def graph(as_json: AsJson = False) -> None:
    """Print the graph of blocks as a Mermaid drawing."""
    from agent.models import ScriptedChatModel
    from agent.runner import ReasoningAgent

    drawing = ReasoningAgent(ScriptedChatModel([])).graph.get_graph().draw_mermaid()
    if as_json:
        print_json({"mermaid": drawing})
    else:
        print(drawing)
