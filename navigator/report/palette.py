"""One look per policy, the same in every figure: a colour for light and for dark paper, a marker, a dash.

Learned policies have hues and filled markers, baselines greys and hollow markers, the oracle the colour of the text and
a star. So the kinds differ in more than hue, for those who tell few colours apart and for grey prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.navigator.evaluation.schema import Evaluation

INK, MUTED, GRID, PAPER = "#1b1f24", "#5b6470", "#e2e5e9", "#ffffff"

DARK = {INK: "#e8eaed", MUTED: "#a3abb6", GRID: "#33383f", PAPER: "#14171b"}
"""For each colour of a figure, the one on dark paper; policies' colours follow below."""

_HUES = {
    "#0b5cad": "#6fb1f4",  # blue
    "#b8480b": "#f39a5f",  # orange
    "#0a7a53": "#4fcb9d",  # green
    "#8a3fa0": "#d49fe8",  # purple
    "#0e7490": "#62cbe2",  # teal
    "#b0245f": "#f58db6",  # rose
    "#7d5c00": "#dfb741",  # gold
}
_GREYS = {"#414b57": "#c9ced6", "#6a7480": "#9ba4af"}
DARK |= _HUES | _GREYS

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)))

Dash = str | tuple[int, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """How a policy is drawn: `colour` on light paper, `filled` or hollow markers."""

    colour: str
    marker: str
    filled: bool
    dash: Dash = "-"

    @property
    def is_learned(self) -> bool:
        """Whether it is that of a learned policy."""
        return self.colour in _HUES

    @property
    def face(self) -> str:
        """The colour inside its marker."""
        return self.colour if self.filled else PAPER


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2, section 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def looks(data: Evaluation) -> dict[str, Look]:
    """A look for every policy that any section names; those without scores of their own look like baselines."""
    kinds: dict[str, str] = {policy.name: policy.kind for policy in data.policies}
    others = [name for one in data.comparisons for name in (one.policy, one.against)]
    others += [one.policy for part in (data.frontier, data.curves, data.routes) for one in part]
    others += [name for family in data.families for name in family.policies]
    return looks_of(kinds | {name: "baseline" for name in others if name not in kinds})


def looks_of(kinds: Mapping[str, str]) -> dict[str, Look]:
    """A look for every name, by its kind: `learned`, `baseline` or `oracle`."""
    given = {name: Look(INK, "*", True) for name, kind in kinds.items() if kind == "oracle"}
    for kind, colours in (("learned", tuple(_HUES)), ("baseline", tuple(_GREYS))):
        for place, name in enumerate(name for name in kinds if kinds[name] == kind):
            lap = place // len(colours)
            # Within a lap colours differ; the marker moves on with every policy, and skips one a lap, so pairs differ.
            marker = _MARKERS[(place + (lap if kind == "learned" else 0)) % len(_MARKERS)]
            given[name] = Look(colours[place % len(colours)], marker, kind == "learned", _DASHES[lap % len(_DASHES)])
    return given
