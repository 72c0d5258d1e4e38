"""Talk: the loop of the conversation: a message, its reply as it comes, the next one.

A turn counts once its reply is whole, and is on disk before the next message is read. What goes wrong with a message or
a command is told in one sentence, and the conversation goes on; so it does where Ctrl-C ends a reply, and with it the
call of the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pilotage.agent.cli.chat.commands import carry_out
from pilotage.agent.cli.chat.conversation import Conversation, Turn
from pilotage.agent.cli.chat.interrupts import Interrupts
from pilotage.agent.cli.failure import sentence_and_code
from pilotage.agent.cli.terminal import print_json_line, print_notice
from pilotage.agent.errors import Interrupted

if TYPE_CHECKING:
    from pilotage.agent.cli.chat.editor import Editor
    from pilotage.agent.cli.chat.partner import Partner
    from pilotage.agent.cli.chat.view import View

T = TypeVar("T")


class Talk:
    """A conversation with a partner.

    Args:
        partner: who replies.
        conversation: what was said before.
        view: shows what happens.
        path: file that the conversation is kept in.
        fresh: the one that a new conversation is kept in. None for both: it is kept in none.
        runner: has the event loop of all turns.
        as_json: print one JSON object a reply.

    Attributes:
        unanswered: the last message, where it got no reply.
        left: nothing more is read.
        failed: something went wrong on the way.
    """

    def __init__(
        self,
        partner: Partner,
        conversation: Conversation,
        view: View,
        *,
        path: Path | None,
        fresh: Path | None,
        runner: asyncio.Runner,
        as_json: bool = False,
    ) -> None:
        self.partner = partner
        self.conversation = conversation
        self.view = view
        self.path = path or fresh
        self._fresh = fresh
        self.unanswered: str | None = None
        self.left = False
        self.failed = False
        self._runner = runner
        self._interrupts = Interrupts()
        self._as_json = as_json

    def go_on(self, editor: Editor) -> None:
        """Reads messages until there is none, or `/quit`."""
        with self._interrupts:
            while not (self.left or self._interrupts.ended):
                try:
                    with self._interrupts.heard():
                        line = editor.read()
                except KeyboardInterrupt:
                    if not self._interrupts.ended:
                        self.view.say("Ctrl-D or /quit leaves")
                    continue
                if line is None:
                    return
                if line.strip():
                    self._take(line)
        if self._interrupts.ended:
            kept = f"; what was replied to as a whole is kept in {self.path}" if self.path is not None else ""
            raise Interrupted(f"interrupted{kept}")

    def _take(self, line: str) -> None:
        try:
            if line.startswith("/") and not line.startswith("//"):
                carry_out(self, line.rstrip())
            else:
                self.ask(line[1:] if line.startswith("//") else line)
        except KeyboardInterrupt:
            self.view.interrupted("interrupted")
        except Exception as error:
            self.failed = True
            self.view.begin()
            print_notice(f"error: {_sentence(error)}")

    def ask(self, asked: str, instead_of: Turn | None = None) -> None:
        """Asks, shows the reply as it comes and keeps it, beside those of a turn that it takes the place of."""
        self.unanswered = asked
        before = instead_of.replies if instead_of is not None else ()
        turns = self.conversation.turns[:-1] if before else self.conversation.turns
        messages = self.conversation.model_copy(update={"turns": turns}).messages(asked)
        self.view.begin()
        try:
            self.wait(self._hear(messages, len(before)))
        except KeyboardInterrupt:
            if not self.view.heard.whole:
                self.view.interrupted("interrupted; /retry asks again")
                return
            self.view.interrupted("interrupted behind the reply, which stays")
        reply = self.view.heard.reply
        self.conversation.charge(reply)
        self.conversation.turns[len(turns) :] = [Turn(asked=asked, replies=(*before, reply))]
        self.unanswered = None
        self.keep()
        if self._as_json:
            print_json_line({"asked": asked, **reply.model_dump(mode="json")})

    async def _hear(self, messages: list[Any], sample: int) -> None:
        # Closed here, whatever becomes of the output: the model's call ends with it.
        async with aclosing(self.partner.reply(messages, sample)) as happening:
            async for event in happening:
                self.view(event)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of some work; Ctrl-C cancels it."""
        try:
            with self._interrupts.heard():
                return self._runner.run(work)
        finally:
            work.close()  # which an interrupt before its beginning has left as it was

    def keep(self, path: Path | None = None) -> None:
        """Writes the conversation to its file."""
        if (to := path or self.path) is not None:
            self.conversation.keep(to)

    def begin_anew(self) -> None:
        """Begins a new conversation with the same system message; the old one stays in a file of its own."""
        self.conversation = Conversation(system=self.conversation.system)
        self.unanswered = None
        self.path = self._fresh


def _sentence(error: Exception) -> str:
    known = sentence_and_code(error)
    if known is not None:
        return " ".join(known[0].splitlines())
    return f"something that nobody foresaw went wrong ({type(error).__name__}: {error}); the conversation goes on"
