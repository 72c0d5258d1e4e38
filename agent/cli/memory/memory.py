"""`pilotage memory`: look at, edit, carry over, check and serve what was learnt."""

from __future__ import annotations

import sys
from functools import partial

import typer

from pilotage.agent.cli.command import App
from pilotage.agent.cli.memory import care, experience, files, read, write
from pilotage.agent.cli.memory.options import IndexedStoreOptions
from pilotage.agent.errors import UsageError

app = App(help="Look at, edit, carry over and check what was learnt.")

HELP = {
    "forget": "Retire concepts: no search finds them, the history keeps them.",
    "restore": "Bring retired concepts back, as provisional.",
}
for name, command in (
    ("list", read.list_concepts),
    ("show", read.show),
    ("search", read.search),
    ("history", read.history),
    ("add", write.add),
    ("edit", write.edit),
    ("merge", write.merge),
    ("forget", partial(write.change, "forget")),
    ("restore", partial(write.change, "restore")),
    ("undo", write.undo),
    ("export", files.export),
    ("import", files.import_),
    ("reindex", care.reindex),
    ("prune", care.prune),
    ("credit", care.credit),
    ("experience", experience.experience),
    ("learn-from", experience.learn_from),
    ("stats", care.stats),
    ("doctor", care.doctor),
    ("erase", care.erase),
):
    app.command(name, help=HELP.get(name))(command)


@app.command("mcp")
def mcp(
    options: IndexedStoreOptions,
    read_only: bool = typer.Option(False, "--read-only", help="Offer no tool that writes."),
    http: bool = typer.Option(False, "--http", help="Serve over HTTP at /mcp instead of stdin and stdout."),
    host: str = typer.Option("127.0.0.1", help="With --http: where to listen. There is no authentication."),
    port: int = typer.Option(8787, help="With --http: on which port.", min=1, max=65535),
) -> None:
    """Serve a memory to MCP clients: recall, search, get, list, history, add, revise, forget, feedback, undo."""
    try:
        from pilotage.memory.adapters.mcp import build_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError("the MCP server needs an extra: install it with `pip install 'pilotage[mcp]'`") from error

    with options.open(creates=not read_only) as store:
        server = build_server(store, read_only=read_only)
        store.warm()
        if not http:
            server.run("stdio")
            return
        print(f"MCP at http://{host}:{port}/mcp, namespace '{options.namespace}'; stop with Ctrl-C", file=sys.stderr)
        server.run("streamable-http", host=host, port=port)
