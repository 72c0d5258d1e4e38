"""Conversation: what was asked and replied, as a file that can be gone on with.

The file is JSON: `messages` in OpenAI's form, which other programs read, and `turns`, which has for each question all
of its replies with their steps. A file of messages alone is a conversation too. Only its owner may read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pilotage.agent.cli.chat.reply import Reply
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message
from pilotage.agent.trace import Usage, total
from pilotage.common.faults import first_fault
from pilotage.common.files import replace
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.text import carriable_data, json_page

FORMAT = 1
MOST_BYTES = 64 << 20


class Turn(BaseModel):
    """A question with its replies; the last one counts."""

    model_config = ConfigDict(frozen=True)

    asked: str
    replies: tuple[Reply, ...] = Field(min_length=1)

    @property
    def reply(self) -> Reply:
        """The one that counts."""
        return self.replies[-1]


class Conversation(BaseModel):
    """The turns so far, and what the model was told before them."""

    format: int = FORMAT
    system: str = ""
    turns: list[Turn] = []
    spent: Usage = Usage()
    cost: float | None = None

    def messages(self, asked: str | None = None) -> list[Message]:
        """The conversation as messages, with what is asked now behind it."""
        told = [Message(role="system", content=self.system)] if self.system else []
        for turn in self.turns:
            told.append(Message(role="user", content=turn.asked))
            told.append(Message(role="assistant", content=turn.reply.text))
        return told if asked is None else [*told, Message(role="user", content=asked)]

    def charge(self, reply: Reply) -> None:
        """Counts what a reply cost; taking it back gives nothing back."""
        self.spent = total((self.spent, reply.usage))
        if reply.cost is not None:
            self.cost = (self.cost or 0.0) + reply.cost

    def settle(self, reply: Reply) -> None:
        """Puts a reply in the place of the last one."""
        last = self.turns[-1]
        self.turns[-1] = last.model_copy(update={"replies": (*last.replies[:-1], reply)})

    def keep(self, path: Path) -> None:
        """Writes it to a file that nobody else may read; what was there is replaced at one stroke.

        Where it is larger than a file that is gone on with may be, steps of replies before the last turn are left out.

        Raises:
            UsageError: it is still too large; what was there is there still.
        """
        content = self._page()
        if len(content) > MOST_BYTES:
            content = self._without_earlier_steps()._page()
        if len(content) > MOST_BYTES:
            raise UsageError(
                f"this conversation has grown past {MOST_BYTES >> 20} MB, and its last turn is not kept: "
                "/undo takes it back, /new begins another"
            )
        replace(path, content, private=True)

    def _page(self) -> bytes:
        messages = [message.openai() for message in self.messages()]
        data = {"format": FORMAT, "messages": messages, **self.model_dump(mode="json", exclude={"format"})}
        return f"{json_page(carriable_data(data))}\n".encode()

    def _without_earlier_steps(self) -> Conversation:
        bare = [
            Turn(asked=turn.asked, replies=tuple(reply.model_copy(update={"steps": ()}) for reply in turn.replies))
            for turn in self.turns[:-1]
        ]
        return self.model_copy(update={"turns": [*bare, *self.turns[-1:]]})


def conversation_in(path: Path) -> Conversation:
    """The conversation of a file.

    Raises:
        UsageError: it is none, or a newer one; the sentence names the file.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} has more than {MOST_BYTES >> 20} MB: name a file that /save has written")
    try:
        data = read_json(content)
        data = data if isinstance(data, dict) else {"messages": data}
        if isinstance(data.get("format"), int) and data["format"] > FORMAT:
            raise UsageError(f"{path} was written by a newer pilotage: upgrade, or name another file")
        return Conversation.model_validate(data if "turns" in data else _of_messages(path, data.get("messages")))
    except NotJson as error:
        raise UsageError(f"{path} is no conversation ({error}): name a file that /save has written") from None
    except ValidationError as error:
        place, reason = first_fault(error)
        what = f"`{place or 'messages'}`: {reason}"
        raise UsageError(f"{path} is no conversation ({what}): name one that /save wrote") from None


def _of_messages(path: Path, given: Any) -> dict[str, Any]:
    """Turns of plain messages: the system's first, then the user and the assistant by turns."""
    messages = [Message.model_validate(message) for message in given] if isinstance(given, list) else []
    system = [message.text for message in messages if message.of_system]
    spoken = [message for message in messages if not message.of_system]
    pairs = list(zip(spoken[::2], spoken[1::2], strict=False))
    if len(pairs) * 2 != len(spoken) or not pairs or any((a.role, b.role) != ("user", "assistant") for a, b in pairs):
        raise UsageError(
            f"{path} is no conversation (its messages are not the user's and the assistant's by turns): name another"
        )
    turns = [{"asked": asked.text, "replies": [{"text": replied.text}]} for asked, replied in pairs]
    return {"system": "\n\n".join(system), "turns": turns}
