"""`pilotage chat`: a conversation in the terminal, with the route drawn as it happens."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.options import RunOptions, expert
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.chat.conversation import Conversation
    from pilotage.agent.cli.chat.editor import Editor
    from pilotage.agent.cli.chat.partner import Partner

SERVER = "A running server"


@dataclass(frozen=True)
class ChatOptions(RunOptions):
    """The settings that `pilotage chat` can be given."""

    policy: str | None = typer.Option(None, help="How blocks are chosen. (default: default, the shipped policy)")
    effort: str | None = typer.Option(
        None, help="low, medium or high; or 0 to 1 for a trained policy. (default: low, of a trained policy medium)"
    )
    memory: str | None = typer.Option(None, help="Memory folder, or none. (default: in the user's data folder)")


@dataclass(frozen=True)
class ServerOptions:
    """Which server replies, where it is not an agent in this process."""

    panel = SERVER

    url: str | None = typer.Option(None, help="Address of a server, of pilotage or any other: http://HOST:PORT/v1.")
    api_key_env: str | None = typer.Option(None, help="Variable that holds its key.")


@dataclass(frozen=True)
class KeptOptions:
    """Which conversation goes on, and where it is kept."""

    resume: Path | None = typer.Option(None, help="Go on with the conversation of a file, and keep it there.")
    go_on: bool = typer.Option(False, "--continue", help="Go on with the last conversation.")
    system: str | None = typer.Option(None, help="What the model is told before the conversation.")


def chat(
    run: ChatOptions,
    server: ServerOptions,
    kept: KeptOptions,
    no_learn: bool = typer.Option(False, "--no-learn", help="Only read memory."),
    as_json: bool = expert(False, "--json", help="Print one JSON object a reply, and nothing else."),
) -> None:
    """Talk with the agent, and watch how it works; /help lists what can be done.

    Piped input is taken a line a message; the exit code is 1 where one of them failed.
    """
    from pilotage.agent.cli.chat.talk import Talk
    from pilotage.agent.cli.chat.view import View
    from pilotage.common.paths import data_dir

    folder = data_dir() / "chat"
    last = folder / "last.json"
    conversation, path = _kept(kept, last)
    typed = not as_json and all(one is not None and one.isatty() for one in (sys.stdin, sys.stdout))
    fresh = last if typed else None
    view = View(sys.stderr if as_json else sys.stdout, quiet=as_json)
    with asyncio.Runner() as runner, _partner(run, server, no_learn) as partner:
        talk = Talk(partner, conversation, view, path=path, fresh=fresh, runner=runner, as_json=as_json)
        editor = _editor(folder / "history", typed)
        if typed:
            view.say(f"{partner.name} · /help lists the commands, Ctrl-D leaves")
            for turn in conversation.turns:
                view.repeat(turn.asked, turn.reply)
        try:
            talk.go_on(editor)
        finally:
            runner.run(partner.aclose())
    if talk.failed and not typed:
        raise typer.Exit(1)


def _kept(kept: KeptOptions, last: Path) -> tuple[Conversation, Path | None]:
    from pilotage.agent.cli.chat.conversation import Conversation, conversation_in

    if kept.resume is not None and kept.go_on:
        raise UsageError("give --resume or --continue, not both")
    path = kept.resume if kept.resume is not None else last if kept.go_on else None
    if path is None:
        return Conversation(system=kept.system or ""), None
    if kept.go_on and not path.exists():
        raise UsageError("there is no last conversation to go on with: leave --continue out")
    found = conversation_in(path)
    if kept.system is not None:
        found.system = kept.system
    return found, path


def _editor(history: Path, typed: bool) -> Editor:
    from pilotage.agent.cli.chat.editor import PlainLines, TerminalEditor

    if not typed or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return PlainLines()
    from pilotage.agent.cli.chat.commands import COMMANDS

    return TerminalEditor(history, (f"/{name}" for name in COMMANDS))


@contextmanager
def _partner(run: ChatOptions, server: ServerOptions, no_learn: bool) -> Iterator[Partner]:
    if server.url is not None:
        yield _served(run, server, no_learn)
        return
    if server.api_key_env is not None:
        raise UsageError("--api-key-env is for the server of --url")
    from pilotage.agent.cli.assembly import assemble
    from pilotage.agent.cli.chat.here import Here
    from pilotage.agent.cli.solve.solve import learning, with_a_memory_that_opens

    settings = with_a_memory_that_opens(run.settings(**learning(None, no_learn)))
    with assemble(settings, quick=True) as agent:
        yield Here(agent, settings)


def _served(run: ChatOptions, server: ServerOptions, no_learn: bool) -> Partner:
    """Raises UsageError for options that only an agent in this process can heed."""
    from pilotage.agent.cli.chat.served import Served
    from pilotage.common.addresses import checked_address

    given = [name for name, value in vars(run).items() if value is not None and name not in ("model", "memory")]
    if given or no_learn or run.memory not in (None, "none"):
        name = given[0] if given else "no-learn" if no_learn else "memory"
        raise UsageError(
            f"--{name.replace('_', '-')} is for an agent in this process; with --url the server has its own"
        )
    assert server.url is not None
    try:
        url = checked_address(server.url.strip(), "a server").rstrip("/")
    except ValueError as error:
        raise UsageError(str(error)) from None
    key = "none"
    if server.api_key_env is not None:
        key = os.environ.get(server.api_key_env, "")
        if not key:
            raise UsageError(f"the variable {server.api_key_env} of --api-key-env is not set, or empty")
    return Served(url, key, run.model or "", memory=run.memory is None)
