"""`pilotage memory mcp`: the memory as an MCP server, on stdin and stdout or over HTTP."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pilotage.agent.cli.memory.open import Embedder, Index, Memory, Namespace


def mcp(
    memory: Memory = None,
    namespace: Namespace = "default",
    embedder: Embedder = None,
    index: Index = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Offer no tool that writes.")] = False,
    http: Annotated[bool, typer.Option("--http", help="Serve over HTTP at /mcp instead of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option(help="With --http: where to listen. There is no authentication.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --http: on which port.", min=1, max=65535)] = 8787,
) -> None:
    """Serve a memory to MCP clients: recall, search, get, list, history, add, revise, forget, feedback, undo."""
    from pilotage.agent.cli.memory.open import open_store
    from pilotage.agent.errors import UsageError

    try:
        from pilotage.memory.adapters.mcp import build_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError("the MCP server needs an extra: install it with `pip install 'pilotage[mcp]'`") from error

    with open_store(memory, namespace, embedder, index=index, embeds=True, creates=not read_only) as store:
        server = build_server(store, read_only=read_only)
        store.warm()
        if not http:
            server.run("stdio")
            return
        print(f"MCP at http://{host}:{port}/mcp, namespace '{namespace}'; stop with Ctrl-C", file=sys.stderr)
        server.run("streamable-http", host=host, port=port)
