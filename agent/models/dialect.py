"""Dialects: a Request as the keyword arguments that a LangChain integration understands.

There is one for OpenAI's wire format, which many servers speak, one for the models of this package, and one for all
other classes, whose own fields say what they call things. Whatever an endpoint was found to refuse is left out or named
anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pilotage.agent.errors import UnsupportedParameter
from pilotage.agent.models.reply import Capabilities, Request

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

LIMIT_NAMES = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "num_predict",
    "max_new_tokens",
    "max_tokens_to_sample",
)
"""What classes and servers call the most tokens that a reply may have, the most usual first."""
SEED_NAMES = ("seed", "random_seed")
SAMPLING = ("temperature", "seed", "stop", "logprobs")
CONTINUED = {"continue_final_message": True, "add_generation_prompt": False}
"""What asks vLLM, SGLang and newer llama.cpp to go on with the last message; without it they begin another."""


@dataclass(frozen=True)
class Terms:
    """What an endpoint was found to want otherwise; grows while it is asked, and never shrinks.

    Args:
        refused: features to leave out: `temperature`, `seed`, `stop`, `logprobs`, `json_schema`, `grammar`, `stream`,
            `stream_options`, `system`, a name of `LIMIT_NAMES`; `arguments` where a class takes no arguments by call.
        most_tokens: the highest token limit that it takes.
    """

    refused: frozenset[str] = frozenset()
    most_tokens: int | None = None

    def also(self, refused: Iterable[str] = (), most_tokens: int | None = None) -> Terms:
        """These terms and further ones."""
        limits = [limit for limit in (self.most_tokens, most_tokens) if limit is not None]
        return Terms(self.refused | frozenset(refused), min(limits, default=None))

    def limit_of(self, request: Request) -> int:
        """The token limit to send."""
        return request.max_tokens if self.most_tokens is None else min(request.max_tokens, self.most_tokens)


_GENERAL_PACKAGES = frozenset({"langchain_core", "langchain_community", "langchain_classic"})


@dataclass(frozen=True)
class CallArguments:
    """A request as the arguments that one class takes.

    Args:
        options: keyword arguments of the call.
        fields: fields to set on a copy of the model, for classes whose calls do not take them as arguments.
        carries: the features in it, in the words of `Terms`.
        movable: those of them that the class has fields for, should its calls not take them as arguments.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    carries: frozenset[str] = frozenset()
    movable: frozenset[str] = frozenset()


def arguments_for(
    model: BaseChatModel, bound: Mapping[str, Any], request: Request, can: Capabilities, terms: Terms
) -> CallArguments:
    """A request in the dialect of a chat model, whose owner may have bound arguments to its calls.

    It is the wire format of the model's class where that is known, else the names of its fields.
    """
    if isinstance(getattr(model, "capabilities", None), Capabilities):
        if getattr(model, "reads_text_alone", False):
            _require_text(request)
        return _native(request, can)
    if speaks_openai(model):
        return _openai(model, bound, request, can, terms)
    return _by_fields(model, bound, request, can, terms)


def _native(request: Request, can: Capabilities) -> CallArguments:
    """The models of this package: `ScriptedChatModel` and `EmbeddedChatModel`."""
    features = _features(request, can)
    limit = {} if request.open_ended else {"max_tokens": request.max_tokens}
    options = {**limit, **_sampling(request), **_offered(request), **request.more}
    for arguments in features.values():
        options |= arguments
    return CallArguments(options, carries=frozenset(features))


def _require_text(request: Request) -> None:
    """Raises UnsupportedParameter where a message holds an image or a file."""
    others = [kind for message in request.messages for kind in message.others]
    if others:
        raise UnsupportedParameter(
            "messages", f"this model reads text alone: leave out the parts that are none (`{others[0]}`)"
        )


def _openai(
    model: BaseChatModel, bound: Mapping[str, Any], request: Request, can: Capabilities, terms: Terms
) -> CallArguments:
    """OpenAI, and servers that speak its chat completions. The owner's temperature and extra body stay as they are.

    `max_tokens` and `response_format` travel in the extra body: `ChatOpenAI` would rename the first to a
    field that many servers ignore, and would parse the reply itself on seeing the second.
    """
    base = getattr(model, "openai_api_base", None)
    names = LIMIT_NAMES[:2]
    if not base or "openai.com" in base:  # OpenAI itself prefers the second name, and has no grammars
        names, can = names[::-1], can.less({"grammar"})
    refused = terms.refused - request.insisted
    options = {name: value for name, value in _sampling(request).items() if name not in refused}
    features = _features(request, can)
    carries = {*options, *features}
    options |= _offered(request)
    body = {**(CONTINUED if can.prefill and request.messages[-1].role == "assistant" else {}), **request.more}
    limit = None if request.open_ended else next((name for name in names if name not in terms.refused), None)
    if limit is not None:
        carries.add(limit)
        # `ChatOpenAI` knows where `max_completion_tokens` belongs in each of OpenAI's two protocols.
        (body if limit == "max_tokens" else options)["max_tokens"] = terms.limit_of(request)
    options |= features.pop("logprobs", {})
    for arguments in features.values():
        body |= arguments
    if request.temperature == 0.0 and not request.exact and _has_own(model, "temperature", bound):
        options.pop("temperature", None)
    if body:
        options["extra_body"] = {
            **(getattr(model, "extra_body", None) or {}),
            **(bound.get("extra_body") or {}),
            **body,
        }
    fields = _unset(model, {name: name for name in SAMPLING}, terms)
    if limit is not None and getattr(model, "max_tokens", None) is not None:  # else it is sent beside ours, renamed
        fields["max_tokens"] = None
    return CallArguments(options, fields, frozenset(carries))


def _by_fields(
    model: BaseChatModel, bound: Mapping[str, Any], request: Request, can: Capabilities, terms: Terms
) -> CallArguments:
    """Any LangChain chat model, by the names of its own fields.

    A temperature that its owner set stays, unless a block needs to sample; what its class has no field for, such as a
    seed, is not sent.
    """
    names, own = _field_names(model), type(model).model_fields
    # Its own field before an alias of it: that is what its calls and its copies take.
    limit = next((name for known in (own, names) for name in LIMIT_NAMES if name in known), "max_tokens")
    called = {limit: limit, "temperature": "temperature", "stop": "stop"}
    if seed := next((name for name in SEED_NAMES if name in names), None):
        called["seed"] = seed
    fields = _unset(model, called, terms)
    values = {limit: terms.limit_of(request), **_sampling(request)}
    if request.temperature == 0.0 and not request.exact and _has_own(model, "temperature", bound):
        del values["temperature"]
    if request.open_ended:
        del values[limit]
    if _has_own(model, "stop", bound):
        values.pop("stop", None)
    if "format" in names and request.json_schema is not None and can.json_schema:
        called["json_schema"], values["json_schema"] = "format", request.json_schema
    if unknown := sorted(request.more.keys() - names):
        raise UnsupportedParameter(unknown[0], f"{type(model).__name__} takes no `{unknown[0]}`; leave it out")
    carries = frozenset(called.keys() & values.keys() - (terms.refused - request.insisted))
    options = {called[feature]: values[feature] for feature in carries} | request.more | _bound_tools(model, request)
    movable = frozenset(feature for feature in carries if called[feature] in own)
    if "arguments" not in terms.refused:
        return CallArguments(options, fields, carries, movable)
    moved = {called[feature]: options.pop(called[feature]) for feature in movable}
    return CallArguments(options, fields | moved, carries)


def capabilities_of(model: BaseChatModel) -> Capabilities:
    """What a model says about itself, or what its class can at least pass on; what is refused later is left out."""
    claims = getattr(model, "capabilities", None)
    if isinstance(claims, Capabilities):
        return claims
    if speaks_openai(model):
        return Capabilities(logprobs=True, json_schema=True, grammar=hasattr(model, "speaks_gbnf"))
    return Capabilities(json_schema="format" in _field_names(model))


def speaks_openai(model: BaseChatModel) -> bool:
    """Whether a class writes OpenAI's chat completions and passes on what it does not know."""
    return {"extra_body", "openai_api_base", "logprobs"} <= _field_names(model)


def is_providers(model: BaseChatModel) -> bool:
    """Whether a class is of a provider's package for LangChain, or made from one: those tell why a reply ended."""
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return any(name.startswith("langchain_") for name in packages - _GENERAL_PACKAGES)


def _field_names(model: BaseChatModel) -> frozenset[str]:
    """Names and aliases of a class's fields."""
    fields = type(model).model_fields
    return frozenset(fields) | {about.alias for about in fields.values() if about.alias}


def _has_own(model: BaseChatModel, name: str, bound: Mapping[str, Any]) -> bool:
    """Whether its owner set a field, or bound it as an argument."""
    set_in_it = name in model.model_fields_set and getattr(model, name, None) is not None
    return set_in_it or bound.get(name) is not None


def _unset(model: BaseChatModel, called: Mapping[str, str], terms: Terms) -> dict[str, Any]:
    """Fields to empty, because the class would send their values of itself although the endpoint refuses them."""
    refused = [name for feature, name in called.items() if feature in terms.refused]
    return {name: None for name in refused if getattr(model, name, None) is not None}


def _sampling(request: Request) -> dict[str, Any]:
    stop = list(request.stop) or None
    sampling = {"temperature": request.temperature, "stop": stop, "seed": request.backend_seed}
    return {name: value for name, value in sampling.items() if value is not None}


def _offered(request: Request) -> dict[str, Any]:
    """The tools on offer, as OpenAI names them."""
    return request.tools.openai() if request.tools is not None else {}


def _bound_tools(model: BaseChatModel, request: Request) -> dict[str, Any]:
    """The tools on offer as the arguments that the class's own `bind_tools` makes of them."""
    offer = request.tools
    if offer is None or offer.choice == "none":
        return {}
    choice: Any = "any" if offer.choice == "required" else offer.choice
    if isinstance(choice, Mapping):
        choice = choice.get("function", choice).get("name")
    wanted = {"tool_choice": choice, "parallel_tool_calls": offer.parallel}
    try:
        bound = model.bind_tools(list(offer.tools), **{name: one for name, one in wanted.items() if one is not None})
    except NotImplementedError:
        raise UnsupportedParameter("tools", f"{type(model).__name__} takes no tools; leave them out") from None
    return dict(getattr(bound, "kwargs", {}))


def _features(request: Request, can: Capabilities) -> dict[str, dict[str, Any]]:
    """The arguments of each feature that a request asks for and the endpoint has, as OpenAI names them."""
    features: dict[str, dict[str, Any]] = {}
    if request.logprobs and can.logprobs:
        top = {"top_logprobs": request.top_logprobs} if request.top_logprobs else {}
        features["logprobs"] = {"logprobs": True, **top}
    if request.grammar and can.grammar:
        features["grammar"] = {"grammar": request.grammar}
    elif request.json_schema is not None and can.json_schema:
        schema = {"name": "reply", "schema": request.json_schema, "strict": True}
        features["json_schema"] = {"response_format": {"type": "json_schema", "json_schema": schema}}
    return features
