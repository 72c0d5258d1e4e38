"""`pilotage graph`: the agent's graph as a Mermaid drawing."""

from __future__ import annotations

from pilotage.agent.cli.command import AsJson
from pilotage.agent.cli.terminal import print_json


def graph(as_json: AsJson = False) -> None:
    """Print the graph of blocks as a Mermaid drawing."""
    from pilotage.agent.models import ScriptedChatModel
    from pilotage.agent.runner import ReasoningAgent

    drawing = ReasoningAgent(ScriptedChatModel([])).graph.get_graph().draw_mermaid()
    if as_json:
        print_json({"mermaid": drawing})
    else:
        print(drawing)
