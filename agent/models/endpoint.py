"""What an OpenAI-compatible endpoint is, beyond what its protocol says."""

from __future__ import annotations

PROBE_SECONDS = 3.0


async def speaks_gbnf(base_url: str, api_key: str) -> bool:
    """Whether a llama.cpp server is behind this address, so that it takes GBNF grammars.

    Others ignore an unknown `grammar` field without a word, so it has to be asked. An endpoint that does not
    answer counts as one that does not: the call itself will tell what is wrong with it.
    """
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"}
    try:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS) as client:
            answer = await client.get(f"{base_url.rstrip('/')}/models", headers=headers)
            models = answer.json()["data"]
            return bool(models) and models[0].get("owned_by") == "llamacpp"
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return False
