"""What an OpenAI-compatible endpoint is, beyond what its protocol says."""

from __future__ import annotations

from pilotage.agent.models.transport.deadline import within
from pilotage.agent.models.transport.guard import Elsewhere, Overlong, hooks

PROBE_SECONDS = 3.0


async def speaks_gbnf(base_url: str, api_key: str) -> bool:
    """Whether a llama.cpp server is behind this address, so that it takes GBNF grammars.

    Others ignore an unknown `grammar` field without a word, so it has to be asked. An endpoint that does not
    answer counts as one that does not: the call itself will tell what is wrong with it.
    """
    import httpx

    unusable = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, Elsewhere, Overlong)
    nonsense = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
    try:
        return await within(PROBE_SECONDS, _is_llamacpp(f"{base_url.rstrip('/')}/models", api_key))
    except (*unusable, *nonsense):
        return False


async def _is_llamacpp(url: str, api_key: str) -> bool:
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(timeout=PROBE_SECONDS, event_hooks=hooks()) as client:
        models = (await client.get(url, headers=headers)).json()["data"]
        return bool(models) and models[0].get("owned_by") == "llamacpp"
