"""A figure's SVG as part of a page: no prolog, no outside names, ids of its own, colours that follow the page."""

from __future__ import annotations

import re

from pilotage.navigator.report.palette import DARK

VARIABLES = {light: f"--c{place}" for place, light in enumerate(DARK)}
"""The CSS variable for each colour of a figure."""

_COLOUR = re.compile(r"\b(fill|stroke): ?(#[0-9a-f]{6})\b")
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def inlined(svg: str, name: str, title: str) -> str:
    """The `<svg>` element alone, to be put into HTML.

    Args:
        svg: as matplotlib wrote it, names in it escaped.
        name: what its ids begin with; unique on the page, of letters and dashes.
        title: what it shows, escaped, for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href=", "href=")
    head, _, rest = body.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    opening = f'<svg {box.group() if box else ""} role="img" aria-label="{title}"'

    def in_tag(tag: re.Match[str]) -> str:
        return _COLOUR.sub(_followed, _ID.sub(lambda found: f"{found.group()}{name}-", tag.group()))

    return f"{opening}>{_TAG.sub(in_tag, rest)}".strip()


def theme() -> tuple[str, str]:
    """Values of the variables on light and on dark paper, as CSS."""
    light = " ".join(f"{variable}: {colour};" for colour, variable in VARIABLES.items())
    dark = " ".join(f"{VARIABLES[colour]}: {other};" for colour, other in DARK.items())
    return light, dark


def _followed(found: re.Match[str]) -> str:
    colour = found.group(2)
    return f"{found.group(1)}: var({VARIABLES[colour]})" if colour in VARIABLES else found.group()
