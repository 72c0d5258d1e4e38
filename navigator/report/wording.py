"""Numbers and lists as the report writes them; every figure, table and sentence takes them from here."""

from __future__ import annotations

from collections.abc import Sequence

MINUS = "\u2212"
THIN = "\u2009"


def number(value: float, digits: int = 2) -> str:
    """A number with a true minus sign, and none before zero."""
    text = f"{value:,.{digits}f}"
    return f"{MINUS}{text[1:]}" if text.startswith("-") and text.strip("-0.,") else text.lstrip("-")


def percent(share: float, digits: int = 1) -> str:
    """0.714 as 71.4%."""
    return f"{number(100 * share, digits)}%"


def points(difference: float, digits: int = 1) -> str:
    """0.05 as +5.0: a difference of shares, in percentage points, with its sign."""
    text = number(100 * difference, digits)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def points_between(interval: tuple[float, float], digits: int = 1) -> str:
    """An interval of a difference, in points."""
    return f"{points(interval[0], digits)} to {points(interval[1], digits)}"


def percent_between(interval: tuple[float, float], digits: int = 1) -> str:
    """An interval of a share."""
    return f"{number(100 * interval[0], digits)} to {percent(interval[1], digits)}"


def tokens(thousands: float) -> str:
    """A cost in thousands of tokens as a number of tokens: whole below 10,000, else to three digits."""
    whole = 1000 * thousands
    return f"{whole:,.0f}" if whole < 10_000 else f"{float(f'{whole:.3g}'):,.0f}"


def tokens_between(interval: tuple[float, float]) -> str:
    """An interval of a cost."""
    return f"{tokens(interval[0])} to {tokens(interval[1])}"


def p_value(p: float) -> str:
    """0.0004 as '< 0.001', 0.0321 as '0.032', 0.4 as '0.40'."""
    if p < 0.001:
        return f"<{THIN}0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def counted(n: float, one: str, many: str | None = None) -> str:
    """'1 task', '12 tasks', '3.4 tasks'."""
    amount = number(n, 0 if float(n).is_integer() else 1)
    return f"{amount} {one if amount == '1' else many or one + 's'}"


def listed(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def elided(name: str, length: int = 26) -> str:
    """A name cut in its middle to at most so many signs, for figures; tables have it in full."""
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 3
    return f"{name[:head]}\u2026{name[len(name) - (length - 1 - head) :]}"


def named(name: str) -> str:
    """A name as it stands in a sentence."""
    return elided(name, 60)
