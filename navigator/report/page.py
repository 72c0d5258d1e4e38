"""The page: one HTML file with all figures inside, which asks for nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping

from pilotage.navigator.evaluation.schema import Evaluation
from pilotage.navigator.report import tables
from pilotage.navigator.report.findings import headline
from pilotage.navigator.report.inline import inlined, theme
from pilotage.navigator.report.method import cautions, method
from pilotage.navigator.report.sections import sections


def page(data: Evaluation, svgs: Mapping[str, str]) -> str:
    """The page as HTML. Names and texts of the evaluation are escaped.

    Args:
        data: the evaluation.
        svgs: SVG text of the figures, by name.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("pilotage.navigator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = sections(data, svgs)
    titles = {part.name: f"{part.title}: {' '.join(part.sentences[:1])}" for part in parts}
    figures = {name: Markup(inlined(svg, name, str(escape(titles[name])))) for name, svg in svgs.items()}
    light, dark = theme()
    return environment.get_template("report.html").render(
        data=data,
        headline=headline(data),
        cautions=cautions(data),
        method=method(data),
        policies=tables.policies(data),
        about=[(one.name, one.about) for one in data.policies if one.about],
        sections=parts,
        figures=figures,
        light=Markup(light),
        dark=Markup(dark),
    )
