"""Reading an evaluation: from its file or as plain data, checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pilotage.common.faults import first_fault
from pilotage.common.statistics import holm
from pilotage.navigator.errors import ReportError
from pilotage.navigator.evaluation.comparison_parts import Comparison
from pilotage.navigator.evaluation.schema import FORMAT, VERSION, Evaluation

_AGAIN = "write it anew with `pilotage evaluate`"
_NOT_A_TASK = 0.01
"""In tasks: what six decimals of a share may leave, and less than one run of one seed in a hundred."""


def read_evaluation(path: Path) -> dict[str, Any]:
    """An evaluation from its file, checked.

    Raises:
        ReportError: there is none, or it is damaged, something else, or of another version.
    """
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ReportError(f"there is no file {path}: make one with `pilotage evaluate --out FOLDER`") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON ({error}): give the evaluation.json of `pilotage evaluate`") from error
    parse(as_json(content), str(path))
    return dict(content)


def as_json(evaluation: Any) -> Any:
    """The same as plain JSON types; NaN and infinities become null, lone surrogates question marks.

    Raises:
        ReportError: it holds something that JSON cannot.
    """
    try:
        text = json.dumps(evaluation, ensure_ascii=False)
        return json.loads(text.encode("utf-8", "replace"), parse_constant=lambda _: None)
    except (TypeError, ValueError, RecursionError) as error:
        raise ReportError(f"the evaluation holds something that JSON cannot ({error}): {_AGAIN}") from error


def parse(evaluation: Any, source: str = "the evaluation") -> Evaluation:
    """The evaluation, checked. Policies without a score (nothing of them is recorded) are only named.

    Args:
        evaluation: plain JSON types, as `as_json` gives them.
        source: what to call it in messages.

    Raises:
        ReportError: it is something else, of another version, or a part is missing or impossible.
    """
    if not isinstance(evaluation, dict) or evaluation.get("format") != FORMAT:
        raise ReportError(f"{source} is no evaluation: give the evaluation.json that `pilotage evaluate` wrote")
    version = evaluation.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ReportError(f"{source} has version {version!r}, this pilotage reads {VERSION}: {_AGAIN}")
    policies = evaluation.get("policies")
    if isinstance(policies, list):
        scored = [one for one in policies if not _has_no_score(one)]
        if policies and not scored:
            raise ReportError(f"{source} has no score of any policy: the bank holds none of their routes; record more")
        unmeasured = [one.get("name") for one in policies if _has_no_score(one)]
        evaluation = {**evaluation, "policies": scored, "unmeasured": unmeasured}
    try:
        return _with_tests_that_fit(Evaluation.model_validate(evaluation))
    except ValidationError as error:
        raise ReportError(f"{source}: {_first(error)}; {_AGAIN}") from error


def _with_tests_that_fit(data: Evaluation) -> Evaluation:
    """The same where no expected score went through McNemar's test, as it did in earlier files; else mended.

    There `mcnemar_p` is left out, and `holm_p` of all comparisons with the same policy is made anew.
    """
    fitting = [one.model_copy(update={"mcnemar_p": None}) if _is_rounded(one) else one for one in data.comparisons]
    adjusted = {
        against: holm({one.policy: one.p for one in fitting if one.against == against and one.p is not None})
        for against in {one.against for one in data.comparisons if _is_rounded(one)}
    }
    mended = tuple(
        one.model_copy(update={"holm_p": adjusted[one.against].get(one.policy)}) if one.against in adjusted else one
        for one in fitting
    )
    return data.model_copy(update={"comparisons": mended})


def _is_rounded(one: Comparison) -> bool:
    """Whether McNemar's test was given expected scores: their difference is not that of the tasks won and lost."""
    if one.mcnemar_p is None or one.permutation_p is None:
        return False
    return abs(one.difference * one.tasks - (one.better - one.worse)) > _NOT_A_TASK


def _has_no_score(policy: Any) -> bool:
    return isinstance(policy, dict) and policy.get("coverage") == 0 and policy.get("accuracy") is None


def _first(error: ValidationError) -> str:
    place, what = first_fault(error)
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    what = "it is missing" if errors[0]["type"] == "missing" else what[:1].lower() + what[1:]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place}: {what}{more}" if place else f"{what}{more}"
