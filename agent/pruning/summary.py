"""Summary: what the lines of a pruning come to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def summary_of(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Steps and tokens before and after, steps and drops by kind, and geometric means of the answers' perplexities.

    Args:
        lines: what each line of an output tells under `pruning`.
    """
    steps = [step for line in lines for step in line["steps"]]
    dropped = [step for step in steps if "dropped" in step]
    kinds = Counter(step["kind"] or "unread" for step in steps)
    gone = Counter(step["kind"] or "unread" for step in dropped)
    means = {when: [math.log(line["perplexity"][when]) for line in lines] for when in ("before", "after")}
    return {
        "steps": len(steps),
        "dropped": len(dropped),
        "by_kind": {kind: {"steps": count, "dropped": gone[kind]} for kind, count in sorted(kinds.items())},
        "unread": sum(not line["kinds_read"] for line in lines),
        "tokens_before": sum(line["tokens"]["before"] for line in lines),
        "tokens_after": sum(line["tokens"]["after"] for line in lines),
        "counted": all(line["tokens"]["counted"] for line in lines),
        **{f"perplexity_{when}": math.exp(sum(logs) / max(1, len(logs))) for when, logs in means.items()},
    }
