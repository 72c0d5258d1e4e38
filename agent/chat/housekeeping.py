"""Housekeeping: what chat front ends ask about a conversation beside it: titles, tags, follow-ups, completions.

They send the conversation as quoted text inside one message, several times a message of the user (Open WebUI about four
times). Structure tells them: a transcript with both sides in it stands in a message that asks for something else than
its next turn. Nothing is worked out for them, and nothing is learned from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pilotage.agent.messages import Message

WHY = "asks about a conversation that it quotes, as front ends do for titles and tags"

_QUOTED_CHAT = re.compile(r"<(chat_history|conversation|chat|messages|transcript)>.*?</\1>", re.S | re.I)
_USER_LINE = re.compile(r"^[\s>*_#\[]{0,6}(?:user|human)[\s*_\]]{0,4}:", re.I | re.M)
_ASSISTANT_LINE = re.compile(r"^[\s>*_#\[]{0,6}(?:assistant|ai|bot|model)[\s*_\]]{0,4}:", re.I | re.M)
LONGEST = 200_000
"""Characters of a message that is looked through."""


def is_housekeeping(messages: Sequence[Message]) -> bool:
    """Whether the last message of the user, the first of its conversation, quotes another conversation."""
    users = [message for message in messages if message.role == "user"]
    if len(users) != 1 or any(message.role == "assistant" for message in messages):
        return False
    text = users[0].text[:LONGEST]
    if _QUOTED_CHAT.search(text):
        return True
    return bool(_USER_LINE.search(text) and _ASSISTANT_LINE.search(text))
