"""`pilotage graph`: the agent's graph as a Mermaid drawing."""

from __future__ import annotations

from pilotage.agent.cli.command import Output


def graph() -> Output:
    """Print the graph of blocks as a Mermaid drawing."""
    from pilotage.agent.models import ScriptedChatModel
    from pilotage.agent.runner import ReasoningAgent

    drawing = ReasoningAgent(ScriptedChatModel([])).graph.get_graph().draw_mermaid()
    return Output({"mermaid": drawing}, lambda _: print(drawing))
