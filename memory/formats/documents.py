"""One JSON or YAML file from anywhere, read without trusting it: its size, depth and aliases are bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pilotage.common.text import carriable_data
from pilotage.memory.errors import MalformedImport

MAX_BYTES = 32 * 1024 * 1024
_MAX_NODES = 2_000_000  # after every YAML alias has been followed: a few lines of them can stand for billions
_MAX_DEPTH = 100
LONG_NUMBER = "has a number of more than 4,300 digits: no field of a concept is one"
_PACKED = (
    (b"\x1f\x8b", "gzip", "gunzip"),
    (b"PK\x03\x04", "zip", "unzip"),
    (b"BZh", "bzip2", "bunzip2"),
    (b"\xfd7zXZ\x00", "xz", "unxz"),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
)


def load_document(data: bytes, name: str, repeated: Callable[[str], None] | None = None) -> Any:
    """What a JSON or YAML text says. YAML scalars stay text: a puzzle id such as 00576224 is no octal number.

    `repeated` gets each key that stands twice in one object, of which the last counts; without it that is refused.

    Raises:
        MalformedImport: it is too large, too deep, or neither of the two.
    """

    def refuse(key: str) -> None:
        raise MalformedImport(f"{name} has the field '{key[:60]}' twice in one object: leave one of the two out")

    on_repeated = repeated or refuse
    if len(data) > MAX_BYTES:
        raise MalformedImport(f"{name} has more than {MAX_BYTES >> 20} MB: split it, then import the parts")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedImport(f"{name} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    if text.lstrip()[:1] not in ("{", "["):
        return carriable_data(_yaml(text, name, on_repeated))
    try:
        return carriable_data(json.loads(text, object_pairs_hook=lambda pairs: unique(pairs, on_repeated)))
    except RecursionError:
        raise MalformedImport(f"{name} is nested too deeply: it is no memory file") from None
    except json.JSONDecodeError as error:
        if Path(name).suffix.lower() not in (".yaml", ".yml"):
            raise MalformedImport(f"{name} is not valid JSON: line {error.lineno}: {error.msg}") from None
    except ValueError:
        raise MalformedImport(f"{name} {LONG_NUMBER}") from None
    return carriable_data(_yaml(text, name, on_repeated))


def unique(pairs: Iterable[tuple[str, Any]], repeated: Callable[[str], None]) -> dict[str, Any]:
    """An object from its keys and values; of a key that stands twice the last counts, after `repeated(key)`."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            repeated(key)
        made[key] = value
    return made


def refuse_packed(start: bytes, name: str) -> None:
    """Raise MalformedImport for the first bytes of a compressed file."""
    for magic, kind, tool in _PACKED:
        if start.startswith(magic):
            raise MalformedImport(f"{name} is compressed ({kind}): unpack it with `{tool}`, then import what comes out")


def _yaml(text: str, name: str, repeated: Callable[[str], None]) -> Any:
    import yaml

    class Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
        """A safe loader that knows null and no other special scalar."""

        yaml_implicit_resolvers = {
            first: [rule for rule in rules if rule[0] == "tag:yaml.org,2002:null"]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            unique(((key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)), repeated)
            return super().construct_mapping(node, deep)

    try:
        _check_depth(yaml.parse(text, Loader), name)  # composing is recursive: in C it would end the process
        document = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark is not None else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise MalformedImport(f"{name} is neither valid JSON nor YAML:{where} {reason}") from None
    try:
        size = _size(document, {})
    except RecursionError:  # aliases of aliases
        size = _MAX_NODES + 1
    if size > _MAX_NODES:
        raise MalformedImport(f"{name} unfolds to more than {_MAX_NODES:,} values: its YAML aliases repeat too much")
    return document


def _check_depth(events: Iterable[Any], name: str) -> None:
    depth = 0
    for event in events:
        kind = type(event).__name__
        if kind.endswith(("SequenceStartEvent", "MappingStartEvent")):
            depth += 1
        elif kind.endswith(("SequenceEndEvent", "MappingEndEvent")):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise MalformedImport(f"{name} is nested too deeply: it is no memory file")


def _size(value: Any, known: dict[int, int]) -> int:
    """Number of values that a walk over the document would meet; a list that holds itself has no end."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = _MAX_NODES + 1  # what it counts while it is open, so that a loop is too large
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]
