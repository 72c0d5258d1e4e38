"""Routing against single blocks on the same GSM8K problems, model and budget, through `pilotage solve --tasks`.

Every policy solves the same problems greedily; results are resumable files, and replies are cached, so that the
benchmark can be stopped and started at any time. Each single block is followed by `answer`, which picks its candidate
or, where it reached none, asks for a short direct answer.

    python benchmarks/gsm8k.py FILE --out FOLDER [--offset 100] [--size 50] [--model embedded] [--json]

FILE is a GSM8K file in its official format (fields `question` and `answer`).
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from pilotage.agent.batch.summary import Figures
from pilotage.common.statistics import mcnemar_exact, paired_difference

POLICIES = {
    "default": "default",
    "network": "network",
    "rules": "rules",
    "answer": "fixed:answer",
    "program": "fixed:program,answer",
    "reason": "fixed:reason,answer",
    "plan": "fixed:plan,answer",
    "decompose": "fixed:decompose,answer",
    "debate": "fixed:debate,answer",
}


def solve(policy: str, out: Path, options: argparse.Namespace) -> dict[str, dict]:
    """Results by task id, as `pilotage solve` wrote them."""
    command = [str(Path(sys.executable).with_name("pilotage")), "solve"]
    command += ["--tasks", f"gsm8k:{options.file};offset={options.offset};size={options.size}"]
    command += ["--policy", policy, "--model", options.model, "--memory", "none", "--out", str(out), "--resume"]
    subprocess.run(command, check=True)
    return {(result := json.loads(line))["task_id"]: result for line in out.read_text().splitlines()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--offset", type=int, default=100)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {name: solve(POLICIES[name], options.out / f"{name}.jsonl", options) for name in options.policies}
    reference, *others = results
    tasks = sorted(results[reference])
    rows = []
    for name in results:
        scores = {side: [results[side][task]["score"] for task in tasks] for side in (reference, name)}
        pairs = list(zip(scores[reference], scores[name], strict=True))
        mean, low, high = paired_difference(scores[reference], scores[name])
        figures = Figures()
        for task in tasks:
            figures.add(results[name][task])
        rows.append(
            {
                "policy": name,
                **figures.summary(),
                "reference_minus_this": {"mean": mean, "interval_95": [low, high]},
                "mcnemar_p": mcnemar_exact(sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)),
            }
        )
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'policy':10} {'right':>9} {'95% interval':>15} {'in':>6} {'out':>5} {'calls':>5}  {reference} minus this")
    for row in rows:
        low, high = row["accuracy_interval_95"]
        gain = row["reference_minus_this"]
        print(
            f"{row['policy']:10} {row['accuracy']:>9.1%} {low:>7.1%}-{high:<7.1%} "
            f"{row['prompt_tokens_per_task']:>6.0f} "
            f"{row['completion_tokens_per_task']:>5.0f} {row['llm_calls_per_task']:>5.2f}  {gain['mean']:+.1%} "
            f"[{gain['interval_95'][0]:+.1%}, {gain['interval_95'][1]:+.1%}], p = {row['mcnemar_p']:.2f}"
        )


if __name__ == "__main__":
    main()
