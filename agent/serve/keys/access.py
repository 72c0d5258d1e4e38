"""Access: who asks, what that opens, and what it uses; around every request, whichever endpoint answers it.

A path that nobody thought of needs a key too: only those in `OPEN` do not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.agent.account import Account, accounted
from pilotage.agent.errors import KeyStoreUnusable, LimitReached
from pilotage.agent.serve.config import ServeConfig, is_loopback
from pilotage.agent.serve.errors import ApiError, api_error, error_response
from pilotage.agent.serve.keys.key import USERS, Key, is_namespace
from pilotage.agent.serve.keys.key import Scope as KeyScope
from pilotage.agent.serve.keys.key_store import KeyStore
from pilotage.agent.serve.keys.limits import Admission, Limiter, Limits
from pilotage.agent.serve.requests.request_context import context_of
from pilotage.agent.serve.service import Caller

log = logging.getLogger("pilotage.serve")

OPEN = frozenset({"/", "/health"})
"""Paths that everybody may ask for."""
OPEN_BELOW = "/page/"
"""So are the files of the page, which asks for a key itself."""
OF_THE_WHOLE = frozenset({"/metrics", "/openapi.json"})
"""Paths that tell of the server as a whole, and so of every tenant."""
BYTES_PER_TOKEN = 4
REPLY_TOKENS = 256
"""That a reply is taken to need where its request sets no limit."""
LONGEST_SECRET = 200
_PREFIX = "pk-"
_REALM = 'Bearer realm="pilotage"'
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-forwarded-")
"""What the headers begin with that a proxy adds."""


def scope_of(method: str, path: str) -> KeyScope | None:
    """What a key must open for a request; None where any key does.

    A path that nobody thought of costs a model its work, for all that is known: it needs `chat`.
    """
    if path in OF_THE_WHOLE:
        return "metrics"
    room = path.removeprefix("/v1/").partition("/")[0] if path.startswith("/v1/") else ""
    if room == "models":
        return None
    if room == "feedback":
        return "feedback"
    if room == "concepts":
        return "concepts:read" if method in ("GET", "HEAD") else "concepts:write"
    return "erase" if room == "namespaces" else "chat"


class Access:
    """What one request may do and has used; its endpoint finds it by `access_of`."""

    def __init__(
        self,
        key: Key | None,
        admission: Admission,
        account: Account,
        *,
        asks_model: bool,
        taken: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.key = key
        self._taken = taken
        self._admission = admission
        self._account = account
        self._asks_model = asks_model

    @property
    def namespace(self) -> str:
        """Of the memory: the tenant's own, with its users' below it."""
        return Caller().namespace if self.key is None else self.key.namespace

    def caller(self, user: str | None = None, namespace: str | None = None) -> Caller:
        """For whom the request is answered, which names this user, or a namespace in place of the usual one.

        Raises:
            ApiError: 404, the namespace is not the caller's.
        """
        if namespace is not None and not (is_namespace(namespace) and self.holds(namespace)):
            raise no_namespace(namespace, param="pilotage.namespace")
        if self.key is None:
            return Caller(namespace=namespace or self.namespace)
        return Caller(self.key.id, namespace or self.key.namespace_for(user), self.key.learn)

    def holds(self, namespace: str) -> bool:
        """Whether a namespace is the tenant's, or one of its users'.

        Who needs no key is whoever starts the server, and has all of the memory that no key of its was given.
        """
        if namespace == self.namespace or namespace.startswith(self.namespace + USERS):
            return True
        return self.key is None and is_namespace(namespace) and namespace.partition(USERS)[0] not in self._taken()

    def expect(self, body: Any) -> None:
        """Reserves what a body says that its reply may be long. Raises ApiError where that is not left."""
        fields = body if isinstance(body, dict) else {}
        names = ("max_completion_tokens", "max_tokens", "max_output_tokens")
        limits = [value for name in names if type(value := fields.get(name)) is int and value > 0]
        choices = n if type(n := fields.get("n")) is int and n > 0 else 1
        if limits:
            self._expect(self._admission.tokens + min(limits[0] * choices, 10**9))

    def receiving(self, receive: Receive) -> Receive:
        """The body as it comes, up to the key's limit.

        What is returned raises ApiError: 413 beyond that, 429 where the key has not the tokens for so long a body.
        """
        most, size = self.key.limits.request_bytes if self.key is not None else None, 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if most is not None and size > most:
                    raise too_large(most)
                if self._asks_model and not message.get("more_body", False):
                    self._expect(size // BYTES_PER_TOKEN + REPLY_TOKENS)
            return message

        return limited

    def _expect(self, tokens: int) -> None:
        try:
            self._admission.expect(tokens)
        except LimitReached as error:
            raise api_error(error) from None

    def settle(self) -> None:
        """Gives back what was reserved for the request beyond what it has used."""
        self._admission.settle(self._account.tokens)

    def close(self) -> None:
        """Charges the key with what its request has truly used, however it ended."""
        self.settle()
        self._admission.close()
        self._account.late = self._admission.charge_late


def access_of(request: Request) -> Access:
    """The access of a request."""
    access: Access = request.state.access
    return access


class Gate:
    """Lets requests in.

    Args:
        config: of the server.
        keys: where keys are found; looking one up reads a file, so it is done beside the event loop.
        limiter: counts what each key uses in this process.
    """

    def __init__(self, config: ServeConfig, keys: KeyStore | None = None, limiter: Limiter | None = None) -> None:
        self._needs_keys = config.needs_keys
        self._origins = frozenset(config.cors)
        self._keys = keys or KeyStore(config.key_store)
        self._limiter = limiter or Limiter()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="keys")

    async def enter(self, scope: Scope, account: Account) -> Access:
        """Admits a request. Raises ApiError: 401, 403, 413, 429, or 503 where keys cannot be looked up."""
        headers = Headers(scope=scope)
        secret = _presented(headers)
        key = await self._found(secret, headers)
        limits, context = key.limits if key is not None else Limits(), context_of(scope)
        if key is not None:
            context.key = key.id
            if limits.requests_per_minute is not None or limits.tokens_per_minute is not None:
                context.remaining = partial(self._limiter.remaining, key.id, limits)
        wanted = scope_of(scope["method"], scope["path"])
        if key is not None and wanted is not None and wanted not in key.scopes:
            challenge = f'{_REALM}, error="insufficient_scope", scope="{wanted}"'
            raise ApiError(
                403,
                f"this key does not open {wanted}",
                code="insufficient_scope",
                headers=_asking(challenge),
            )
        if limits.request_bytes is not None and _announced(headers) > limits.request_bytes:
            raise too_large(limits.request_bytes)
        try:
            admission = self._limiter.admit(key.id if key is not None else "", limits)
        except LimitReached as error:
            raise api_error(error) from None
        access = Access(key, admission, account, asks_model=wanted == "chat", taken=self._namespaces)
        context.account, context.settle = account, access.settle
        return access

    def _namespaces(self) -> frozenset[str]:
        """Those of the keys. Raises ApiError where they cannot be looked up."""
        try:
            return self._keys.namespaces()
        except KeyStoreUnusable as error:
            raise _unusable(error) from None

    async def _found(self, secret: str, headers: Mapping[str, str]) -> Key | None:
        """The key of a secret; None where none is needed and none of ours was given."""
        given = secret.startswith(_PREFIX) and len(secret) <= LONGEST_SECRET
        # Clients of local servers send whatever they were told to; where no key was ever made, none of it is ours.
        if not self._needs_keys and not (given and self._keys.path.exists()):
            self._require_local(headers)
            return None
        try:
            look = asyncio.get_running_loop().run_in_executor
            key = await look(self._pool, self._keys.find, secret) if given else None
        except KeyStoreUnusable as error:
            raise _unusable(error) from None
        if key is None:
            message = "this key is not valid" if secret else "a key is needed: send `Authorization: Bearer pk-...`"
            challenge = f'{_REALM}, error="invalid_token"' if secret else _REALM
            raise ApiError(401, message, code="invalid_api_key", headers=_asking(challenge))
        return key

    def enter_open(self, scope: Scope) -> None:
        """Lets in a request of what everybody may ask for. Raises ApiError, 403, where that is everybody here alone."""
        if not self._needs_keys:
            self._require_local(Headers(scope=scope))

    def _require_local(self, headers: Mapping[str, str]) -> None:
        """Where no key is needed, a page of somebody else's may not ask through its reader's browser.

        Its requests carry its own origin, or, where its name was made to mean this machine, that name. What a proxy
        passes on comes from this machine by a local name, whoever asked for it.
        """
        if any(name.lower().startswith(_FORWARDED) for name in headers):
            raise ApiError(
                403,
                "without keys this server answers nothing that comes through a proxy, which others may ask too: set "
                "`keys = true` in its configuration and make a key with `pilotage keys create`",
                code="not_local",
            )
        origin = headers.get("origin")
        host = headers.get("host", "")
        # Another port is another program's page, of whichever user of this machine.
        own = (f"http://{host}", f"https://{host}")
        foreign = origin is not None and origin not in self._origins and origin.lower() not in map(str.lower, own)
        if foreign or not _names_loopback(own[0]):
            raise ApiError(
                403,
                "without keys this server answers only what is asked from this machine, by a local name, and by its "
                "own page and those that `cors` names: give it keys, or name the page with its port",
                code="not_local",
            )

    def close(self) -> None:
        """Closes the file."""
        self._pool.shutdown()
        self._keys.close()


class AccessMiddleware:
    """Asks the gate before every request, and settles when the last byte is sent or the client is gone."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _is_open(scope["path"]):
            try:
                self._gate.enter_open(scope)
            except ApiError as error:
                await error_response(error)(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        with accounted() as account:
            try:
                access = await self._gate.enter(scope, account)
            except ApiError as error:
                await error_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["access"] = access
            try:
                await self._app(scope, access.receiving(receive), send)
            finally:
                access.close()


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_BELOW)


def too_large(most: int) -> ApiError:
    """The error of a body that has more bytes than are taken."""
    # Closed, so that nobody goes on sending what is thrown away.
    return ApiError(
        413, f"the body is larger than {most} bytes", code="request_too_large", headers={"Connection": "close"}
    )


def no_namespace(name: str, param: str | None = None) -> ApiError:
    """The error of a namespace that is not the caller's; it is the same whether there is one."""
    return ApiError(404, f"there is no namespace {name!r} of this key", param=param, code="namespace_not_found")


def _unusable(error: KeyStoreUnusable) -> ApiError:
    log.error("keys cannot be looked up: %s", error)
    return ApiError(503, "keys cannot be looked up now; the server's log says why", code="no_keys")


def _asking(challenge: str) -> dict[str, str]:
    return {"WWW-Authenticate": challenge}


def _presented(headers: Mapping[str, str]) -> str:
    """The secret that a request carries; empty for none."""
    scheme, _, secret = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return headers.get("x-api-key", "").strip()


def _announced(headers: Mapping[str, str]) -> int:
    """Size of the body as its headers tell; 0 where they do not."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


def _names_loopback(address: str) -> bool:
    """Whether an address is one of this machine's own."""
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False
