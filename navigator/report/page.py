"""The page: one HTML file with all figures inside, which asks for nothing from outside."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.navigator.evaluation.schema import Evaluation
from pilotage.navigator.report import tables
from pilotage.navigator.report.findings import headline
from pilotage.navigator.report.method import cautions, method
from pilotage.navigator.report.palette import DARK
from pilotage.navigator.report.sections import Section, sections

VARIABLES = {light: f"--c{place}" for place, light in enumerate(DARK)}
"""The CSS variable for each colour of a figure."""

_COLOUR = re.compile(r"\b(fill|stroke): ?(#[0-9a-f]{6})\b")
_PIECE = re.compile(r"[^,;]*[,;]+|[^,;]+")
"""What of a name stays on one line: a name breaks behind its commas and semicolons alone."""
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def page(data: Evaluation, svgs: Mapping[str, str]) -> str:
    """The page as HTML. Names and texts of the evaluation are escaped.

    Args:
        data: the evaluation.
        svgs: SVG text of the figures, by name.
    """
    parts = sections(data, svgs)
    return rendered(
        "report.html",
        svgs,
        parts,
        data=data,
        headline=headline(data),
        cautions=cautions(data),
        method=method(data),
        policies=tables.policies(data),
        about=[(one.name, one.about) for one in data.policies if one.about],
    )


def rendered(template: str, svgs: Mapping[str, str], parts: Sequence[Section], *packages: str, **context: Any) -> str:
    """A page from a template, its figures inlined, its colours those of light and dark paper.

    Args:
        template: name of the template; `head.html`, `parts.html` and `report.css` are there for every one.
        svgs: SVG text of the figures, by name.
        parts: the sections, of which each may have the figure of its name.
        packages: further packages with a folder `templates`.
        context: what else the template reads. Texts in it are escaped.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "pilotage.navigator.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = lambda name: Markup("<wbr>").join(map(escape, _PIECE.findall(str(name))))
    titles = {part.name: f"{part.title}: {' '.join(part.sentences[:1])}" for part in parts}
    figures = {name: Markup(inlined(svg, name, str(escape(titles[name])))) for name, svg in svgs.items()}
    light = " ".join(f"{variable}: {colour};" for colour, variable in VARIABLES.items())
    dark = " ".join(f"{VARIABLES[colour]}: {other};" for colour, other in DARK.items())
    return environment.get_template(template).render(
        sections=parts, figures=figures, light=Markup(light), dark=Markup(dark), **context
    )


def inlined(svg: str, name: str, title: str) -> str:
    """A figure's `<svg>` element alone: no prolog, no outside names, ids of its own, colours that follow the page.

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
        return _COLOUR.sub(_followed, _ID.sub(lambda match: f"{match.group()}{name}-", tag.group()))

    return f"{opening}>{_TAG.sub(in_tag, rest)}".strip()


def _followed(match: re.Match[str]) -> str:
    colour = match.group(2)
    return f"{match.group(1)}: var({VARIABLES[colour]})" if colour in VARIABLES else match.group()
