"""A policy file is somebody else's: whatever its card says is shown, and styles nothing."""

import copy
import io
from dataclasses import replace

from pilotage.agent.cli.terminal import screen
from pilotage.agent.cli.train.policy import print_policy
from pilotage.navigator.policies.policy_file import read_policy
from pilotage.navigator.policies.pretrained import FILE

HOSTILE = "[/] [bold]x \x1b]0;t\x07"


def with_texts_replaced(value):
    """The same data with every text in it hostile, but for keys of dictionaries."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, dict):
        return {key: with_texts_replaced(one) for key, one in value.items()}
    return [with_texts_replaced(one) for one in value] if isinstance(value, list) else value


def test_a_card_styles_nothing():
    header, tensors = read_policy(FILE)
    card = with_texts_replaced(copy.deepcopy(dict(header.card)))
    card |= {"unit": HOSTILE, "chosen_seed": HOSTILE, "ensemble": False}
    card["bank"]["families"] = {HOSTILE: 3}
    card["live"] = {"tasks": [HOSTILE], "prompt_tokens": 1, "completion_tokens": 1}
    card["live"] |= dict.fromkeys(("episodes", "nodes", "llm_calls"), HOSTILE)
    shown = io.StringIO()
    print_policy(screen(file=shown), FILE, replace(header, card=card), tensors)
    text = shown.getvalue()
    assert "\x1b" not in text and "\x07" not in text
    assert text.count("[/] [bold]x") >= 6
