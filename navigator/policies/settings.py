"""What a policy file's settings may be: a file comes from anywhere, and what is odd is refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from pilotage.navigator.errors import PolicyError
from pilotage.navigator.policies.inputs import COUNTS, ActionSupport, CostWeighting
from pilotage.navigator.reward import LARGEST_WEIGHT

if TYPE_CHECKING:
    from pilotage.navigator.policies.policy_file import Header


def cost_weighting_of(settings: Mapping[str, Any]) -> CostWeighting | None:
    """The dial, `{"half": ..., "top": ...}`; None where there is none. Raises PolicyError for anything else."""
    given = settings.get("dial")
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != {"half", "top"} or not all(map(_is_positive, given.values())):
        _refuse("dial", given)
    return CostWeighting(**given)


def cost_weight_of(settings: Mapping[str, Any]) -> float | None:
    """The cost weight that values are for; None where there is none. Raises PolicyError for what is no weight."""
    given = settings.get("cost_weight")
    if given is not None and not (_is_number(given) and given >= 0):
        _refuse("cost_weight", given)
    return None if given is None else float(given)


def neighbours_of(settings: Mapping[str, Any]) -> int:
    """The number of neighbours, `k`; raises PolicyError where it is none."""
    given: Any = settings.get("k")
    if not _is_count(given) or given < 1:
        _refuse("k", given)
    return int(given)


def support_of(header: Header) -> ActionSupport | None:
    """What was tried, pairs of counts and actions; None where the file does not tell.

    Raises:
        PolicyError: it is something else, or does not fit the features and actions.
    """
    given = header.settings.get("tried")
    if given is None:
        return None
    counted = sum(name.startswith(COUNTS) for name in header.observations.names)
    if not isinstance(given, list) or not all(_is_situation(one, counted, len(header.actions)) for one in given):
        _refuse("tried", given)
    return ActionSupport(header.observations, header.actions, {tuple(counts): actions for counts, actions in given})


def _is_situation(given: Any, counted: int, actions: int) -> bool:
    if not (isinstance(given, list) and len(given) == 2 and all(isinstance(part, list) for part in given)):
        return False
    counts, taken = given
    fits = len(counts) == counted and all(map(_is_count, [*counts, *taken]))
    return fits and all(action < actions for action in taken)


def _is_count(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**31


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < LARGEST_WEIGHT


def _is_positive(given: Any) -> bool:
    return _is_number(given) and given > 1e-9


def _refuse(name: str, given: Any) -> NoReturn:
    shown = repr(given)[:60]
    raise PolicyError(f"the policy's setting {name!r} is {shown}, which makes no sense: copy or train the policy anew")
