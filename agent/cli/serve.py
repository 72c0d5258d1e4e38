"""`pilotage serve`: the agent as an OpenAI-compatible endpoint."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typer

from pilotage.agent.cli.options import RunOptions, expert
from pilotage.agent.errors import MissingExtra, UsageError


def serve(
    run: RunOptions,
    host: str | None = typer.Option(None, help="Address to listen on. (default: 127.0.0.1)"),
    port: int | None = typer.Option(None, help="Port to listen on. (default: 8000)"),
    policy: str | None = typer.Option(None, help="How blocks are chosen. (default: default, the shipped policy)"),
    memory: str | None = typer.Option(None, help="Folder or URL of the memory, or none."),
    report: Path | None = typer.Option(None, help="Folder of `pilotage evaluate --out`, for the page to show."),
    access_log: bool | None = typer.Option(None, "--access-log", help="Log a line for each request."),
    config: Path | None = expert(None, help="TOML file: upstreams, limits, CORS."),
) -> None:
    """Serve the agent as an OpenAI-compatible endpoint."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise MissingExtra("the server needs FastAPI and uvicorn; install them with: pip install 'pilotage[serve]'")
    import uvicorn

    from pilotage.agent.cli.assembly import memory_place
    from pilotage.agent.cli.solve.solve import with_a_memory_that_opens
    from pilotage.agent.serve.app import create_app
    from pilotage.agent.serve.config import serve_config
    from pilotage.agent.serve.keys.key_store import KeyStore
    from pilotage.agent.serve.requests.access_log import log as accesses
    from pilotage.agent.serve.requests.line_handler import logs_of_the_command
    from pilotage.agent.serve.service import Service
    from pilotage.agent.serve.stopping.connections import BoundedProtocol
    from pilotage.agent.serve.stopping.server import Server, listening
    from pilotage.agent.serve.stopping.unread import Unread
    from pilotage.agent.serve.upstreams.upstream import DEFAULT
    from pilotage.agent.telemetry.export import start

    settings = with_a_memory_that_opens(run.settings(policy=policy, memory=memory))
    given = serve_config(config, {"host": host, "port": port, "report": report, "access_log": access_log})
    first = given.upstreams.get(DEFAULT)
    if first is not None and first.model and (run.model or run.base_url):
        raise UsageError("the first upstream is named twice, by --model or --base-url and by [upstreams.default]")
    if given.needs_keys:
        with KeyStore(given.key_store) as keys:
            keys.list()  # raises where there is no store, which would let nobody in
    place = None if settings.memory == "none" else memory_place(settings)
    service = Service(settings, given, place=place)
    service.check_models()
    service.check_embedder()
    with logs_of_the_command(accesses):
        start(given.telemetry)
        app = create_app(service)
        sockets = listening(given.host, given.port, reuse_port=given.reuse_port)
        address = sockets[0].getsockname()
        told = f"[{address[0]}]" if ":" in address[0] else address[0]
        typer.echo(f"serving at http://{told}:{address[1]}", err=True)
        options = uvicorn.Config(Unread(app), log_config=None, log_level="warning", http=BoundedProtocol, ws="none")
        Server(options, app.state.drain, given.drain_seconds, given.notice_seconds).run(sockets)
