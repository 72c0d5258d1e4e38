"""The routes of the page: a handful of files, each by its exact name, under a policy that runs no foreign script.

The page is written by hand, without a build and without a library: what a model writes is turned into text nodes, so
there is no HTML to sanitise, and the policy below refuses it besides.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pilotage.agent.serve.page.report import POLICY, report_page

REPORT = "report"
_LINK = f'      <a href="page/{REPORT}">Report</a>'.encode()
FILES = Path(__file__).with_name("files")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # kept, and asked for again: after an upgrade no browser mixes old files with new
}


@dataclass(frozen=True)
class _File:
    content: bytes
    type: str
    tag: str


def page_routes(report: Path | None = None) -> APIRouter:
    """Routes of the page: `/`, and `/page/NAME` for the files that it is made of.

    Args:
        report: page of an evaluation's report, which `/page/report` shows as it is at the time.

    Raises:
        UsageError: there is no such report.
    """
    files = {path.name: _read(path) for path in sorted(FILES.iterdir()) if path.suffix in TYPES}
    index, shown = files["index.html"], None if report is None else report_page(report)
    if shown is not None:
        index = _file(index.content.replace(b"    </nav>", _LINK + b"\n    </nav>"), index.type)
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return _reply(request, index)

    @router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
    async def file(request: Request, name: str) -> Response:
        if name == REPORT and shown is not None and shown.is_file():
            return _reply(request, await asyncio.to_thread(_read, shown), {"Content-Security-Policy": POLICY})
        if name not in files:
            raise HTTPException(404)
        return _reply(request, files[name])

    return router


def _read(path: Path) -> _File:
    return _file(path.read_bytes(), TYPES[path.suffix])


def _file(content: bytes, type_: str) -> _File:
    return _File(content, type_, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _reply(request: Request, file: _File, more: Mapping[str, str] = MappingProxyType({})) -> Response:
    headers = {**HEADERS, **more, "ETag": file.tag}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if file.tag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.type)
