"""`pilotage graph`: the agent's graph as a Mermaid drawing."""

from __future__ import annotations


def graph() -> None:
    """Print the graph of blocks as a Mermaid drawing."""
    from agent.models import ScriptedChatModel
    from agent.runner import ReasoningAgent

    print(ReasoningAgent(ScriptedChatModel([])).graph.get_graph().draw_mermaid())
