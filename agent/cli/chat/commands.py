"""Commands of the conversation: what begins with a slash. One function each; `COMMANDS` is what `/help` lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pilotage.agent.cli.chat.view import price
from pilotage.agent.cli.outputs import file_to_write
from pilotage.agent.cli.solve.show import cost
from pilotage.agent.errors import UsageError
from pilotage.common.paths import expanded

if TYPE_CHECKING:
    from pilotage.agent.cli.chat.conversation import Turn
    from pilotage.agent.cli.chat.talk import Talk

EFFORTS = ("low", "medium", "high")


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        takes: what stands behind its name; empty for nothing.
        does: for `/help`.
        run: carries it out with what stood behind its name.
    """

    takes: str
    does: str
    run: Callable[[Talk, str], None]


def carry_out(talk: Talk, line: str) -> None:
    """Carries a line out that begins with a slash. Raises UsageError for what is no command."""
    name, _, argument = line[1:].partition(" ")
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"there is no command /{name}: /help lists them; // sends a message that begins with /")
    if argument.strip() and not command.takes:
        raise UsageError(f"/{name} takes nothing behind it")
    command.run(talk, argument.strip())


def help(talk: Talk, _: str) -> None:
    """Lists the commands."""
    talk.view.rows([(f"/{name} {command.takes}".strip(), command.does) for name, command in COMMANDS.items()])
    talk.view.say("Alt+Enter, or a backslash before Enter, begins another line; Ctrl-C ends a reply, Ctrl-D the chat")


def undo(talk: Talk, _: str) -> None:
    """Takes the last turn back, and what any of its replies changed in memory."""
    turn = _last(talk)
    talk.conversation.turns.pop()
    talk.keep()
    talk.view.say(f"taken back: {turn.asked}")
    for reply in reversed(turn.replies):
        if said := talk.wait(talk.partner.take_back(reply)):
            talk.view.say(said)


def retry(talk: Talk, _: str) -> None:
    """Asks the last message again: the one that got no reply, or that of the last turn."""
    if talk.unanswered is not None:
        talk.ask(talk.unanswered)
        return
    turn = _last(talk)
    talk.ask(turn.asked, instead_of=turn)


def why(talk: Talk, _: str) -> None:
    """Shows how the last reply came about."""
    talk.view.explain(_last(talk).reply)


def good(talk: Talk, _: str) -> None:
    """Has the last reply count as one that helped."""
    _feedback(talk, True, "")


def bad(talk: Talk, correction: str) -> None:
    """Has the last reply count as one that did not help; a text is what would have been right."""
    _feedback(talk, False, correction)


def new(talk: Talk, _: str) -> None:
    """Begins a new conversation."""
    talk.begin_anew()
    talk.view.say("a new conversation begins")


def model(talk: Talk, name: str) -> None:
    """Shows the models, or chooses one."""
    if name:
        talk.wait(talk.partner.choose(name))
        talk.view.say(f"from now on: {talk.partner.name}")
        return
    for one in talk.wait(talk.partner.models()):
        talk.view.say(one)


def effort(talk: Talk, given: str) -> None:
    """Sets the effort."""
    if given not in EFFORTS:
        raise UsageError(f"/effort takes one of {', '.join(EFFORTS)}")
    talk.wait(talk.partner.set_effort(given))
    talk.view.say(f"from now on with {given} effort")


def save(talk: Talk, name: str) -> None:
    """Keeps the conversation in a file from now on."""
    if not name:
        raise UsageError("/save takes the name of a file")
    path = expanded(name)
    file_to_write(path, "/save")
    if path.exists() and path != talk.path:
        raise UsageError(f"{path} is there already: name another file")
    talk.keep(path)
    talk.path = path
    talk.view.say(f"kept in {path} from now on; --resume {path} goes on with it")


def usage(talk: Talk, _: str) -> None:
    """Tells what the conversation has cost so far."""
    spent = talk.conversation.cost
    money = "" if spent is None else f", {price(spent)}"
    talk.view.say(f"{cost(talk.conversation.spent)}{money}")


def quit(talk: Talk, _: str) -> None:
    """Leaves."""
    talk.left = True


COMMANDS = {
    "help": Command("", "lists these commands", help),
    "why": Command("", "how the last reply came about: first decision, concepts, steps, evidence", why),
    "good": Command("", "the last reply helped: credit for what it followed and taught", good),
    "bad": Command("[CORRECTION]", "it did not; a correction becomes a provisional lesson", bad),
    "retry": Command("", "asks the last message again", retry),
    "undo": Command("", "takes the last turn back, and what it taught the memory", undo),
    "new": Command("", "begins a new conversation", new),
    "save": Command("FILE", "keeps the conversation in a file from now on", save),
    "model": Command("[NAME]", "lists the models, or chooses one of a server", model),
    "effort": Command("LEVEL", "low, medium or high", effort),
    "usage": Command("", "tokens so far", usage),
    "quit": Command("", "leaves, as Ctrl-D does", quit),
}


def _feedback(talk: Talk, helped: bool, correction: str) -> None:
    reply = _last(talk).reply
    if not reply.id:
        raise UsageError("this reply has no id that feedback could name: it came of a file of messages")
    said = talk.wait(talk.partner.feedback(reply, helped, correction))
    talk.conversation.settle(reply.model_copy(update={"helped": "yes" if helped else "no"}))
    talk.keep()
    talk.view.say(said)


def _last(talk: Talk) -> Turn:
    if not talk.conversation.turns:
        raise UsageError("there is no reply yet")
    return talk.conversation.turns[-1]
