"""`pilotage keys`: make, list, change and revoke the keys of the server."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.terminal import plain, print_notice, table
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from pilotage.agent.cli.screen import Screen
    from pilotage.agent.serve.keys.key import Key

SCOPE = "chat, feedback, concepts:read, concepts:write, erase or metrics; repeatable."
ID = typer.Argument(..., help="Id of the key, as listed.")
STORE = typer.Option(None, metavar="FILE", help="Key store. (default: serve.sqlite in pilotage's data folder)")

app = App(help="Make, list, change and revoke the keys of `pilotage serve`.")
limit = partial(typer.Option, None, min=0)


@dataclass(frozen=True)
class LimitOptions:
    """What a key may use."""

    panel = "Limits of the key"

    requests: int | None = limit("--requests", help="Requests a minute.")
    tokens: int | None = limit("--tokens", help="Tokens a minute, prompts and replies together.")
    concurrent: int | None = limit("--concurrent", help="Requests at the same time.")
    request_bytes: int | None = limit("--request-bytes", help="Size of a request.")

    def given(self, *, lifts: bool = False) -> dict[str, int | None]:
        """The limits that were named; where 0 `lifts` a limit, None for that. Raises UsageError for what is none."""
        from pilotage.agent.serve.keys.limits import MOST

        if not lifts and (zeros := [name for name, most in vars(self).items() if most == 0]):
            option = zeros[0].replace("_", "-")
            raise UsageError(f"a key with --{option} 0 could do nothing: give at least 1, or leave it out")
        if (largest := max(filter(None, vars(self).values()), default=0)) > MOST:
            raise UsageError(f"a limit of {largest} limits nothing: give one of at most {MOST}, or leave it out")
        limits = {
            "requests_per_minute": self.requests,
            "tokens_per_minute": self.tokens,
            "concurrent_requests": self.concurrent,
            "request_bytes": self.request_bytes,
        }
        return {name: most or None for name, most in limits.items() if most is not None}


@app.command()
def create(
    name: str = typer.Argument(..., help="What the key is for; shown in lists."),
    namespace: str | None = typer.Option(
        None, help="Of the memory: whose concepts its conversations see. (default: one of its own)"
    ),
    scope: list[str] = typer.Option(["chat", "feedback"], help=SCOPE),
    learn: bool = typer.Option(False, "--learn", help="Let its conversations teach the memory."),
    per_user: bool = typer.Option(False, "--per-user", help="A namespace for each `user` that its requests name."),
    store: Path | None = STORE,
    *,
    most: LimitOptions,
) -> Output:
    """Make a key and print its secret, which is shown only this once."""
    from pilotage.agent.serve.keys.key_store import KeyStore
    from pilotage.agent.serve.keys.limits import Limits

    limits = Limits(**most.given())
    with KeyStore(store) as keys:
        key, secret = keys.create(
            name, namespace=namespace, scopes=scope, learn=learn, per_user=per_user, limits=limits
        )
    print_notice(f"the secret of key {key.id} is shown only now: keep it where nobody but its user can read it")
    return Output({"secret": secret, **key.model_dump(mode="json")}, lambda _: print(secret))


@app.command(name="list")
def list_keys(store: Path | None = STORE) -> Output:
    """List the keys, revoked ones too; never their secrets."""
    from pilotage.agent.serve.keys.key_store import KeyStore

    with KeyStore(store) as opened:
        keys = opened.list()

    def show(console: Screen) -> None:
        listed = table("id", "name", "namespace", "scopes", "limits", "created", "last used", "revoked", pad_edge=True)
        for key in keys:
            times = (_minute(moment) for moment in (key.created, key.last_used, key.revoked))
            listed.add_row(*map(plain, (key.id, key.name, _memory(key), " ".join(key.scopes), _limits(key), *times)))
        console.print(listed if keys else "no keys yet: `pilotage keys create` makes one")

    return Output([key.model_dump(mode="json") for key in keys], show)


@app.command()
def edit(
    id: str = ID,
    name: str | None = typer.Option(None, help="What the key is for."),
    scope: list[str] | None = typer.Option(None, help=f"All that it opens from now on: {SCOPE}"),
    learn: bool | None = typer.Option(None, "--learn/--no-learn", help="Whether its conversations teach the memory."),
    store: Path | None = STORE,
    *,
    most: LimitOptions,
) -> Output:
    """Change what a key may do, from its next request on; what is not named stays, and 0 lifts a limit."""
    from pilotage.agent.serve.keys.key_store import KeyStore

    with KeyStore(store) as keys:
        key = keys.edit(id, name=name, scopes=scope or None, learn=learn, limits=most.given(lifts=True))
    about = f"{_memory(key)}; {' '.join(key.scopes)}; limits: {_limits(key)}"
    return Output(key.model_dump(mode="json"), f"{plain(key.id)} [dim]{plain(key.name)}, {plain(about)}[/]")


@app.command()
def revoke(id: str = ID, store: Path | None = STORE) -> Output:
    """Revoke a key: servers refuse it from now on."""
    from pilotage.agent.serve.keys.key_store import KeyStore

    with KeyStore(store) as keys:
        key = keys.revoke(id)
    text = f"revoked {plain(key.id)} [dim]{plain(key.name)}, {_minute(key.revoked)}[/]"
    return Output(key.model_dump(mode="json"), text)


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _memory(key: Key) -> str:
    """Which memory a key sees, and what it does there."""
    marks = [mark for mark, holds in (("learns", key.learn), ("per user", key.per_user)) if holds]
    return key.namespace + (f" ({', '.join(marks)})" if marks else "")


def _limits(key: Key) -> str:
    limits = key.limits
    shown = (
        (limits.requests_per_minute, "requests/min"),
        (limits.tokens_per_minute, "tokens/min"),
        (limits.concurrent_requests, "at once"),
        (limits.request_bytes, "bytes"),
    )
    return ", ".join(f"{most} {what}" for most, what in shown if most is not None) or "none"
