"""Scripts of models for `pilotage chat`, as files that the command reads."""

import json
from pathlib import Path

ASKED = "Goods are sold at a price of 6 dollars each with a cost of 25 dollars. How many dollars of profit for 14?"
TAUGHT = "Profit of goods"


def seller(folder: Path) -> str:
    """A model whose programs teach the memory; a greeting gets one back."""
    program = "```python\ngoods = 14\nprice = 6\ncost = 25\nprint(goods * price - cost)\n```"
    title = json.dumps({"title": TAUGHT, "when": "goods sold at a price with a cost"})
    rules = {"Python program[^$]*$": program, "Reply in JSON": title, "<notes>": "It is 59.", "": "Hello!"}
    return written(folder / "seller.json", rules)


def written(path: Path, rules: dict[str, str], latency: float = 0.0) -> str:
    path.write_text(json.dumps({"rules": rules, "latency": latency}))
    return f"scripted:{path}"
