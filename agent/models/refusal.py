"""Refusals: an endpoint rejects a request for a feature it lacks; find out which, and go on without it."""

from __future__ import annotations

from agent.models.reply import Request
from agent.models.retry import Failure

REFUSED_STATUS = frozenset({400, 404, 422, 501})

# How endpoints name the features in their error messages.
OPTIONAL_FEATURES: dict[str, tuple[str, ...]] = {
    "logprobs": ("logprob",),
    "json_schema": ("response_format", "json_schema", "json schema", "structured output"),
    "grammar": ("grammar",),
}


def refused_features(request: Request, failure: Failure) -> frozenset[str]:
    """Features of this request to leave out after a refusal; empty where the refusal is about something else.

    A message that names one of the features used decides. HTTP 400 and 422 that name none may still be about
    them (some servers only say 'invalid request'), so then all go; if it was something else, the next attempt
    is refused as well.
    """
    if failure.status not in REFUSED_STATUS:
        return frozenset()
    used = {feature for feature in OPTIONAL_FEATURES if getattr(request, feature)}
    text = failure.detail.lower()
    named = {feature for feature in used if any(word in text for word in OPTIONAL_FEATURES[feature])}
    return frozenset(named or (used if failure.status in (400, 422) else ()))


def without(request: Request, features: frozenset[str]) -> Request:
    """The request with these features left out."""
    if not features:
        return request
    plain: dict[str, object] = {"logprobs": False, "json_schema": None, "grammar": None}
    dropped = {feature: plain[feature] for feature in features}
    return request.model_copy(update=dropped)
