"""Chat traces: what a run does, as data beside the chunks of a stream, for a client that draws it.

A client asks with `"pilotage": {"trace": true}` and finds one event under `pilotage` in chunks whose delta is empty:

- `{"event": "decided", "why"}`: why the message is worked on before the reply, where the first decision has it so
- `{"event": "recalled", "concepts": [{concept_id, title, similarity, posterior}], "withheld": [...]}`
- `{"event": "chosen", "block", "why"}`
- `{"event": "wrote", "block", "text"}`: a piece of what a block before the reply writes
- `{"event": "stepped", "step": {...}}`: a step as `pilotage solve --json` prints it
- `{"event": "learned", "concepts": [{concept_id, title}], "usage": {...}}`
- `{"event": "finished", "run": {...}}`: what `pilotage solve --json` prints of a run, without its steps
"""

from __future__ import annotations

from typing import Any

from pilotage.agent import events
from pilotage.common.text import carriable_data

_OF_A_RUN = (
    "verified",
    "confidence",
    "stopped_by",
    "seconds",
    "usage",
    "recalled",
    "followed",
    "withheld",
    "learned",
    "policy",
)


def traced(event: events.Event, terminal: str = "answer") -> dict[str, Any]:
    """An event as data; empty for what the stream tells otherwise."""
    return carriable_data(_data(event, terminal))  # type: ignore[no-any-return]


def _data(event: events.Event, terminal: str) -> dict[str, Any]:
    if isinstance(event, events.Decided):
        return {"event": "decided", "why": event.why}
    if isinstance(event, events.Recalled):
        shown = {"concepts": _hints(event.hints), "withheld": _hints(event.withheld)}
        return {"event": "recalled", **shown} if event.hints or event.withheld else {}
    if isinstance(event, events.Chosen):
        return {"event": "chosen", "block": event.block, "why": event.why}
    if isinstance(event, events.Token) and event.block != terminal:
        return {"event": "wrote", "block": event.block, "text": event.text}
    if isinstance(event, events.Stepped):
        return {"event": "stepped", "step": event.step.printed}
    if isinstance(event, events.Learned) and event.titles:
        concepts = [{"concept_id": id, "title": title} for id, title in event.titles.items()]
        return {"event": "learned", "concepts": concepts, "usage": event.usage.model_dump(mode="json")}
    if isinstance(event, events.Finished):
        whole = event.run.to_json()
        return {"event": "finished", "run": {name: whole[name] for name in _OF_A_RUN}}
    return {}


def _hints(hints: Any) -> list[dict[str, Any]]:
    return [hint.model_dump(mode="json") for hint in hints]
