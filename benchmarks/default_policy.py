"""Fits what is fitted in the default policy, its doubt, on a recorded bank, and writes it with the tasks it saw.

    python benchmarks/default_policy.py BANK [--leave-out FAMILY,...] [--cost-weight 0.1] [--out FILE]

The shipped file was made of `examples/banks/mixed2` as it was at commit 57e0759, when 273 of its 610 tasks were begun,
with its sealed families left out, so that the tasks which were recorded later judge it:

    git worktree add /tmp/then 57e0759
    python benchmarks/default_policy.py /tmp/then/examples/banks/mixed2 \
        --out navigator/policies/rules/default.json \
        --leave-out aiw,base_conversion,coin_flip,color_cube_rotation,count_bits,family_relationships,number_filtering
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from pilotage.navigator import Bank
from pilotage.navigator.training.algorithms.cascade import fit_doubt


def main(arguments: list[str] | None = None) -> dict[str, object]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--leave-out", default="", help="families that it does not see")
    parser.add_argument("--cost-weight", type=float, default=0.1, help="what 1,000 tokens are worth, in right answers")
    parser.add_argument("--out", type=Path, help="file to write; without one it is printed")
    given = parser.parse_args(arguments)
    bank = Bank.open(given.bank).of_families(leave_out=[name for name in given.leave_out.split(",") if name])
    doubt = fit_doubt(bank, cost_weight=given.cost_weight)
    if doubt is None:
        raise SystemExit(f"error: {given.bank} has no program behind which reasoning was recorded")
    fitted = {
        "doubt": [None if math.isinf(one) else one for one in (doubt.mean, doubt.least)],
        "cost_weight": given.cost_weight,
        "model": bank.meta.model,
        "tasks": sorted(bank.identifiers(bank.tasks)),
    }
    text = json.dumps(fitted) + "\n"
    if given.out is None:
        print(text, end="")
    else:
        given.out.write_text(text)
    return fitted


if __name__ == "__main__":
    main()
