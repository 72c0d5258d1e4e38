"""What all figures share: one style, one width, and saving so that the same numbers give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from warnings import catch_warnings, filterwarnings

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pilotage.navigator.report.palette import GRID, INK, MUTED, Look

WIDTH = 10.0
"""Of every figure, in inches, so that text has one size on the page."""

DPI = 160

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "path.simplify": False,
    "svg.fonttype": "none",  # text stays text: it can be selected, searched and read aloud
    "text.color": INK,
    "text.parse_math": False,  # a name with dollar signs is a name
}
for _axis in ("xtick", "ytick"):
    _STYLE |= {f"{_axis}.color": MUTED, f"{_axis}.labelsize": 8.5, f"{_axis}.major.size": 0, f"{_axis}.minor.size": 0}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib in the report's style, whatever the user's own settings are; they come back afterwards."""
    with mpl.rc_context(), catch_warnings():
        # A name in a script that the font lacks shows as boxes in the PNG; the SVG and the page have it as text.
        filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively", category=UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def saved(figure: Figure, name: str) -> tuple[str, bytes]:
    """A figure as SVG text and PNG bytes, both free of dates and versions. `name` keeps ids of figures apart."""
    svg, png = io.StringIO(), io.BytesIO()
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # it was laid out just now, and once is enough
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    return svg.getvalue(), png.getvalue()


def marker(look: Look, size: float) -> dict[str, Any]:
    """The marker of a policy, as matplotlib's arguments; stars are larger, since they look smaller."""
    size *= 1.5 if look.marker == "*" else 1
    return {"marker": look.marker, "ms": size, "mfc": look.face, "mec": look.colour, "mew": size / 6}


def mark(axes: Axes, x: float | Sequence[float], y: float | Sequence[float], look: Look, size: float) -> None:
    """The marker of a policy at one or more points."""
    axes.plot(x, y, **marker(look, size), ls="none", zorder=5)


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Ticks of an axis over shares, written in percent without the sign, which the axis label has."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")
