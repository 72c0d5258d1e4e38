"""Calls of tools by the embedded model: how many of ten requests come back as the call that they ask for.

    python benchmarks/written_calls.py [--model NAME] [--json]

Each request is sent greedily, with one or two tools of which one fits. Right is a call, or calls, of that tool with the
arguments that were written down here, letter by letter where they are given, any text where they are None.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from pilotage.agent.models import load_model


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    """A function in OpenAI's form; every argument is required."""
    kinds = {key: kind if isinstance(kind, dict) else {"type": kind} for key, kind in properties.items()}
    parameters = {"type": "object", "properties": kinds, "required": list(kinds)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


STATES = {"type": "string", "enum": ["open", "shipped", "paid"]}
WEATHER = tool("get_weather", "Current weather of a city", city="string")
ORDERS = tool("search_orders", "Orders of a customer", customer_id="integer", status=STATES)
MAIL = tool("send_email", "Sends an e-mail", to="string", subject="string", body="string")
CURRENCY = tool("convert_currency", "Converts an amount", amount="number", source="string", target="string")
NOW = tool("now", "The time in a time zone", zone="string")

REQUESTS: tuple[tuple[str, list[dict[str, Any]], str, list[dict[str, Any]]], ...] = (
    ("What is the weather in Oslo?", [WEATHER], "get_weather", [{"city": "Oslo"}]),
    (
        "Show me the open orders of customer 4711.",
        [WEATHER, ORDERS],
        "search_orders",
        [{"customer_id": 4711, "status": "open"}],
    ),
    (
        "Send an e-mail to ann@example.org with the subject Lunch that asks whether noon suits her.",
        [MAIL, WEATHER],
        "send_email",
        [{"to": "ann@example.org", "subject": "Lunch", "body": None}],
    ),
    ("Wie ist das Wetter in München?", [WEATHER, NOW], "get_weather", [{"city": "München"}]),
    (
        "How much are 250 dollars in euros?",
        [CURRENCY],
        "convert_currency",
        [{"amount": 250, "source": "USD", "target": "EUR"}],
    ),
    ("What time is it in Asia/Tokyo?", [NOW, WEATHER], "now", [{"zone": "Asia/Tokyo"}]),
    ("¿Qué tiempo hace en Lima y en Quito?", [WEATHER], "get_weather", [{"city": "Lima"}, {"city": "Quito"}]),
    (
        "Which orders of customer 12 have been shipped?",
        [ORDERS, MAIL],
        "search_orders",
        [{"customer_id": 12, "status": "shipped"}],
    ),
    (
        "Convert 99.5 GBP to CHF please",
        [CURRENCY, WEATHER],
        "convert_currency",
        [{"amount": 99.5, "source": "GBP", "target": "CHF"}],
    ),
    ("Is it raining in Bergen right now?", [WEATHER, NOW], "get_weather", [{"city": "Bergen"}]),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = load_model(options.model).model
    rows = []
    for asked, tools, name, wanted in REQUESTS:
        message = model.invoke(asked, tools=tools, max_tokens=120, temperature=0)
        calls = [(call["name"], call["args"]) for call in message.tool_calls]
        right = [called for called, _ in calls] == [name] * len(wanted) and all(
            fits(given, want) for (_, given), want in zip(calls, wanted, strict=True)
        )
        rows.append({"request": asked, "calls": calls, "text": message.text, "right": right})
        if not options.json:
            print(f"{'right' if right else 'wrong':6}{asked}  {calls or message.text!r}", flush=True)
    called, right = sum(bool(row["calls"]) for row in rows), sum(row["right"] for row in rows)
    print(json.dumps(rows) if options.json else f"{called} of {len(rows)} come as calls, {right} as the right ones")


def fits(given: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return set(given) == set(wanted) and all(want is None or given[key] == want for key, want in wanted.items())


if __name__ == "__main__":
    main()
