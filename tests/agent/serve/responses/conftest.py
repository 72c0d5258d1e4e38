"""The official client against a real server, over a scripted model or over a real HTTP upstream."""

import contextlib
import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from pilotage.agent.models import ModelClient
from pilotage.agent.serve.app import create_app
from pilotage.agent.serve.config import ServeConfig
from pilotage.agent.serve.service import Service
from pilotage.agent.settings import settings_from
from tests.agent.models.conftest import Endpoint

EVENT: Any = TypeAdapter(ResponseStreamEvent)


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def http(running, endpoint, tmp_path):
    """A plain client of a server that keeps responses in a file of the test's; without a model, over the endpoint."""
    with contextlib.ExitStack() as stack:

        def start(model=None, config=None):
            settings = {"policy": "rules", "model": "m", "base_url": endpoint.url, "memory": "none"}
            kept = {"responses_file": str(tmp_path / "responses.sqlite")} | (config or {})
            made = None if model is None else ModelClient(model)
            service = Service(settings_from(settings), ServeConfig(**kept), model=made)
            return stack.enter_context(httpx.Client(base_url=running(create_app(service)), timeout=60))

        yield start


@pytest.fixture
def client(http):
    """The official client of such a server."""
    with contextlib.ExitStack() as stack:

        def start(model=None, config=None):
            url = str(http(model, config).base_url)
            return stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0))

        yield start


def events_of(text):
    """The events of a stream: each of the official types, named, numbered without a gap, and `[DONE]` behind them."""
    *blocks, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    events = []
    for block in blocks:
        if block.startswith(":"):
            continue
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT.validate_python(event)
        events.append(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def replayed(events):
    """The output that the deltas of a stream come to; every item and part is begun, written, and ended once."""
    output, open_parts = [], {}
    for event in events:
        kind, index = event["type"].removeprefix("response."), event.get("output_index")
        if kind == "output_item.added":
            assert index == len(output) and event["item"]["status"] == "in_progress" and not open_parts
            output.append(event["item"])
        elif kind == "output_item.done":
            assert index == len(output) - 1 and not open_parts and event["item"]["id"] == output[index]["id"]
            status = event["item"]["status"]
            assert status in ("completed", "incomplete")
            assert {**output[index], "status": status} == event["item"]
            output[index] = event["item"]
        elif index is not None:
            item = output[index]
            assert event["item_id"] == item["id"] and item["status"] == "in_progress"
            parts = item.get("summary" if "summary_index" in event else "content", [])
            place = event.get("summary_index", event.get("content_index", 0))
            if kind.endswith("_part.added"):
                assert place == len(parts) and not open_parts
                parts.append(dict(event["part"]))
                open_parts[place] = "written"
            elif kind.endswith("arguments.delta"):
                item["arguments"] += event["delta"]
            elif kind.endswith("arguments.done"):
                assert event["arguments"] == item["arguments"]
            elif kind.endswith(".delta"):
                assert open_parts[place] == "written"
                parts[place]["text"] += event["delta"]
            elif kind.endswith("_text.done"):
                assert event["text"] == parts[place]["text"]
                open_parts[place] = "told"
            else:
                assert kind.endswith("_part.done") and open_parts.pop(place) == "told"
                assert event["part"] == parts[place]
    return output
