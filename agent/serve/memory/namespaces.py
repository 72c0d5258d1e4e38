"""Namespaces: erase all of a tenant, or of one of its users, and show that it was."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pilotage.agent.serve.keys.access import no_namespace
from pilotage.memory.ledger.erasures import digest

if TYPE_CHECKING:
    from pilotage.agent.serve.keys.access import Access
    from pilotage.agent.serve.service import Service


def erase(service: Service, access: Access, name: str) -> dict[str, Any]:
    """Erases a namespace with all below it. Raises ApiError: 404 for any that is not the caller's."""
    _require_own(access, name)
    erased = service.erase(name)
    told = asdict(erased)
    return {"object": "namespace.deleted", "namespace": name, "deleted": True, **told}


def tombstones(service: Service, access: Access, name: str) -> dict[str, Any]:
    """Every time that a namespace was erased."""
    _require_own(access, name)
    stones = service.store(name).tombstones()
    return {"object": "list", "data": [asdict(stone) for stone in stones], "digest": digest(name), "has_more": False}


def _require_own(access: Access, name: str) -> None:
    if not access.holds(name):
        raise no_namespace(name)
