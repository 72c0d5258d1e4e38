"""How an evaluation was made, and what to keep in mind when reading it, in sentences."""

from __future__ import annotations

from statistics import median

from pilotage.navigator.evaluation.schema import Evaluation
from pilotage.navigator.report.findings import LEVEL
from pilotage.navigator.report.wording import counted, listed, named, number, percent


def method(data: Evaluation) -> list[str]:
    """What was compared, on what, and how the intervals were made."""
    bank, protocol, n = data.bank, data.protocol, len(data.policies)
    families = f" of {counted(len(bank.families), 'family', 'families')}" if bank.families else ""
    sentences = [
        f"{'1 policy was evaluated' if n == 1 else f'{n} policies were compared'} on {counted(protocol.tasks, 'task')}"
        f"{families}, from the bank {named(bank.name)} ({counted(bank.tasks, 'task')}, "
        f"{counted(bank.nodes, 'recorded state')}, model {named(bank.model)}, observation preset {named(bank.preset)})."
    ]
    seeds = counted(protocol.train_seeds, "training seed")
    held_out = "" if protocol.in_sample else ", held out"
    if protocol.kind == "cross-fit":
        folds = f"{protocol.folds} folds" if protocol.folds else "folds"
        sentences.append(
            f"Trainable policies were cross-fitted: tasks were dealt into {folds} (seed {protocol.split_seed}), each "
            f"fold was answered by policies trained on the others, with {seeds}; so every task counts{held_out}."
        )
    elif protocol.only:
        sentences.append(
            f"Judged are only the tasks of {listed([named(name) for name in protocol.only])}, by what all the other "
            f"families teach; trained policies have {seeds}."
        )
    elif protocol.in_sample:
        sentences.append(
            f"Trainable policies were trained on other parts of the bank (split seed {protocol.split_seed}), with "
            f"{seeds}."
        )
    else:
        sentences.append(
            f"The tasks were held out from training (split seed {protocol.split_seed}); trained policies have {seeds}."
        )
    if protocol.leave_out:
        sentences.append(
            f"Left out are all tasks of {listed([named(name) for name in protocol.leave_out])}: nothing that was "
            "recorded of them was read, learned from or judged."
        )
    if protocol.in_sample:
        sentences.append(
            "Policies that were trained before the evaluation may be judged on their own training tasks (in-sample)."
        )
    sentences.append(
        "Outcomes are exact expectations over recorded reasoning, without any model call. Accuracy is the mean score; "
        "cost is all tokens charged to a task, prompt and completion."
    )
    sentences.append(
        f"Intervals are 95% bootstrap intervals over tasks ({protocol.bootstrap:,} resamples), paired by task for "
        "differences and ratios. p-values are McNemar's exact test where every task is right or wrong, and sign flips "
        "of the differences (a permutation test) where scores are expectations, over seeds or samples; both after "
        f"Holm's correction for {_hypotheses(data)}; "
        f"'significant' asks for an interval without 0 and a corrected p below {LEVEL}."
    )
    if any(one.family_interval is not None for one in data.comparisons):
        sentences.append(
            "Intervals over families draw families anew, and tasks within them: what other families would have given."
        )
    if data.comparisons:
        half = median((one.interval[1] - one.interval[0]) / 2 for one in data.comparisons)
        sentences.append(
            f"Half the width of the differences' intervals is {number(100 * half, 1)} points in the median over all "
            "comparisons: on so many tasks much smaller differences cannot be told from 0."
        )
    return sentences


def _hypotheses(data: Evaluation) -> str:
    protocol = data.protocol
    if protocol.adjusted_for is None:
        return "the number of comparisons with an opponent"
    tried = protocol.tried + len(protocol.tried_names)
    names = f" ({listed([named(name) for name in protocol.tried_names])} among them)" if protocol.tried_names else ""
    more = f", {counted(tried, 'further variant')} that had been tried{names} included" if tried else ""
    return f"all {counted(protocol.adjusted_for, 'comparison')}{more}"


def cautions(data: Evaluation) -> list[str]:
    """What a reader should know before believing the rest: the evaluation's own words, and what they leave out."""

    def unmentioned(name: str) -> bool:
        return not any(text.startswith(f"{name}:") for text in data.defects)

    sentences = list(data.defects)
    partly = [one for one in data.policies if one.coverage < 1 and unmentioned(one.name)]
    if partly:
        shares = listed([f"{named(one.name)} ({percent(one.coverage, 0)})" for one in partly])
        sentences.append(f"Scores hold only for the share of tasks on which a route is recorded: {shares}.")
    if unknown := [named(name) for name in data.unmeasured if unmentioned(name)]:
        sentences.append(f"Nothing of their routes is recorded, so they have no score: {listed(unknown)}.")
    seeds = data.protocol.train_seeds
    if seeds < 5 and any(policy.kind == "learned" for policy in data.policies):
        sentences.append(f"{counted(seeds, 'training seed')}: how much of a score is luck of training is hardly seen.")
    return sentences
