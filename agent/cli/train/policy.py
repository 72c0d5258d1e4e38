"""`pilotage policy`: what is in a policy file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import typer

from pilotage.agent.cli.command import App, Output
from pilotage.agent.cli.terminal import plain, table
from pilotage.agent.errors import UsageError

if TYPE_CHECKING:
    from pilotage.agent.cli.screen import Screen
    from pilotage.navigator.policies.policy_file import Header, Tensors
    from pilotage.navigator.policies.rules.default import DefaultPolicy
    from pilotage.navigator.policies.rules.rule_policy import RulePolicy

app = App(help="Look at trained policies.")


EFFORTS = ("only", "low", "medium", "high")
"""Order in which they are shown; `only` where the policy has no effort input."""


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own, which Typer drops where a group has only one."""


@app.command()
def show(
    file: Path = typer.Argument(..., metavar="FILE", help="A policy file, network, or the name of one by rules."),
) -> Output:
    """What a policy sees, what it was trained on, how it scored, and which blocks it uses when; or its rules."""
    from pilotage.navigator.policies.policy_file import read_policy

    if (listed := _rules(str(file))) is not None:
        return listed

    if str(file) == "network":
        from pilotage.navigator.policies.pretrained import FILE

        file = FILE
    if not file.exists():
        raise UsageError(
            f"there is no policy file {file}: give one that `pilotage train` wrote, network, or the name of one by "
            "rules, such as default, default@high, rules or one-bit"
        )
    header, tensors = read_policy(file)

    def show_card(console: Screen) -> None:
        from pilotage.navigator.errors import PolicyError
        from pilotage.navigator.policies.trained import settings_of

        settings_of(header)  # refused before anything is printed
        try:
            print_policy(console, file, header, tensors)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            why = f"the card of {file} is of another make ({error!r}): --json shows it as it stands"
            raise PolicyError(why) from error

    data = {
        "kind": header.kind,
        "algorithm": header.algorithm,
        "actions": list(header.actions.names),
        "features": header.observations.to_json(),
        "settings": header.settings,
        "parameters": _numbers(tensors),
        "card": header.card,
    }
    return Output(data, show_card)


def _rules(name: str) -> Output | None:
    """The rules of a policy that goes by rules; None where the name is of no such policy."""
    from pilotage.agent.blocks import installed
    from pilotage.agent.routing.observation import spec_for
    from pilotage.agent.routing.policies import policy_for
    from pilotage.navigator.policies.rules import agreement, default, one_bit

    base, _, effort = name.partition("@")
    listed = (default.NAME, one_bit.NAME, "rules")
    if base not in listed and not base.startswith(agreement.PREFIXES) and not base.endswith(".toml"):
        return None
    registry = installed()
    policy = policy_for(base, registry.actions, spec_for("free", registry), effort=effort or None)
    rules = cast("RulePolicy | DefaultPolicy", policy).rules

    def show(console: Screen) -> None:
        console.print(f"[bold]{plain(policy.name)}[/]  the first that applies, and whose block may run, decides\n")
        rows = table("reason", "then")
        for rule in rules:
            rows.add_row(plain(rule.why), plain(rule.action))
        console.print(rows)
        if base == default.NAME:
            console.print("\ntasks with worked examples go by the policy rules")

    return Output({"rules": [{"why": rule.why, "action": rule.action} for rule in rules]}, show)


def _numbers(tensors: Tensors) -> int:
    return sum(tensor.size for name, tensor in tensors.items() if not name.startswith("input."))


def print_policy(console: Screen, file: Path, header: Header, tensors: Tensors) -> None:
    """Everything that a person may want to know of a policy file."""
    card, settings = header.card, header.settings
    console.print(f"[bold]{plain(file.name)}[/]  {plain(header.algorithm)}, {_numbers(tensors):,} numbers")
    if settings.get("dial"):
        console.print("one policy for all cost weights: choose with --effort low, medium, high, or 0 to 1")
    elif settings.get("cost_weight") is not None:
        console.print(f"for a cost weight of {settings['cost_weight']:g}: right answers that 1,000 tokens are worth")
    console.print(f"\n[bold]actions[/]   {plain(', '.join(header.actions.names))}")
    console.print(f"[bold]features[/]  {plain(', '.join(header.observations.names))}")
    if settings.get("tried") is not None and any(counts for counts, _ in settings["tried"]):
        console.print(
            f"goes on only where training had been: {len(settings['tried'])} combinations of blocks run so far"
        )
    _print_data(console, card)
    print_scores(console, card)
    if "behaviour" in card:
        _print_behaviour(console, card["behaviour"])


def _print_data(console: Screen, card: Mapping[str, Any]) -> None:
    bank = card.get("bank")
    if not bank:
        return
    parts = ", ".join(f"{len(ids)} for {part}" for part, ids in card.get("tasks", {}).items())
    console.print(
        f"\n[bold]trained on[/]  {plain(bank['model'] or 'an unnamed model')}, preset {plain(bank['preset'])}"
    )
    console.print(f"tasks: {plain(parts)}; {bank['states']:,} states and {bank['edges']:,} outcomes in training")
    families = ", ".join(f"{name} {count}" for name, count in bank["families"].items())
    console.print(f"families: {plain(families)}")
    if live := card.get("live"):
        tokens = live["prompt_tokens"] + live["completion_tokens"]
        console.print(
            f"live, on {plain('; '.join(live['tasks']))}: {plain(live['episodes'])} episodes, "
            f"{plain(live['nodes'])} nodes, {plain(live['llm_calls'])} LLM calls, {tokens:,} tokens"
        )
    if "seeds" in card:
        kept = "the mean of all" if card["ensemble"] else f"seed {card['chosen_seed']}"
        unit = plain(card.get("unit", "steps"))
        console.print(f"{len(card['seeds'])} seeds of {card['steps']:,} {unit}; kept: {plain(kept)}")


def print_scores(console: Screen, card: Mapping[str, Any]) -> None:
    """The scores of a training card as a table; nothing where it has none."""
    if "scores" not in card:
        return
    scores = table("tasks", "effort", right=("right", "tokens", "steps", "reward"), title="scores by part of the split")
    for part, by_effort in card["scores"].items():
        for effort in (name for name in EFFORTS if name in by_effort):
            score = by_effort[effort]
            scores.add_row(
                plain(part),
                "" if effort == "only" else effort,
                f"{score['accuracy']:.1%}",
                f"{1000 * score['cost']:,.0f}",
                f"{score['steps']:.1f}",
                f"{score['reward']:.3f}",
            )
    console.print()
    console.print(scores)


def _print_behaviour(console: Screen, behaviour: Mapping[str, Any]) -> None:
    by_effort = behaviour["blocks"]
    names = sorted({name for families in by_effort.values() for blocks in families.values() for name in blocks})
    blocks_used = table("family", "effort", right=names, title="blocks a task, by family")
    for family in next(iter(by_effort.values())):
        for effort in (name for name in EFFORTS if name in by_effort):
            blocks = by_effort[effort][family]
            cells = [f"{blocks[name]:.1f}" if name in blocks else "" for name in names]
            blocks_used.add_row(plain(family), "" if effort == "only" else effort, *cells)
    console.print()
    console.print(blocks_used)
    console.print(f"\na small tree that decides like it in {behaviour['tree_agrees']:.0%} of its decisions:")
    for line in behaviour["tree"]:
        console.print("  " + line, markup=False)
