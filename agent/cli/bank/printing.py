"""A bank at a glance, as people read it on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from pilotage.navigator.values.bank_info import BankInfo


def print_info(console: Console, found: BankInfo) -> None:
    """What it holds, then a table of families and one of blocks."""
    from rich.table import Table

    from pilotage.agent.cli.terminal import plain
    from pilotage.navigator.bank.records import EARLIER

    console.print(
        f"[bold]{plain(found.path)}[/]  {plain(found.model)}, preset {plain(found.preset)}, {plain(found.created)}"
    )
    console.print(
        f"{found.tasks} tasks, {found.nodes} nodes, {found.deepest} blocks deep, {found.tokens:,} tokens, "
        f"{found.seconds / 3600:.1f} h of calls; costs are in 1,000 tokens a task, weighed {found.cost_weight:g}"
    )
    if found.earlier_routes:
        console.print(f"{EARLIER}: it is read, and not added to")
    table = Table("family", box=None, pad_edge=False)
    for name in ("tasks", "nodes", "at once"):
        table.add_column(name, justify="right")
    table.add_column("best sequence")
    for name in ("right", "cost", "oracle", "cost"):
        table.add_column(name, justify="right")
    for family, one in found.families.items():
        table.add_row(
            plain(family), f"{one.tasks}", f"{one.nodes}", f"{one.at_once:.0%}", plain(one.best_sequence),
            f"{one.best_accuracy:.0%}", f"{one.best_cost:.2f}", f"{one.oracle_accuracy:.0%}", f"{one.oracle_cost:.2f}",
        )  # fmt: skip
    table.add_row(
        "[bold]all[/]", f"{found.tasks}", f"{found.nodes}", f"{found.at_once:.0%}", plain(found.best_sequence),
        f"{found.best_accuracy:.0%}", f"{found.best_cost:.2f}", f"{found.oracle_accuracy:.0%}",
        f"{found.oracle_cost:.2f}",
    )  # fmt: skip
    console.print(table)
    blocks = Table("block", box=None, pad_edge=False)
    for name in ("nodes", "gain over stopping", "helps in", "oracle takes it", "oracle loses without"):
        blocks.add_column(name, justify="right")
    for name, value in found.blocks.items():
        blocks.add_row(
            plain(name), f"{value['nodes']}", _signed(value["gain"]), _share(value["helps"]), _share(value["chosen"]),
            f"{value['loss_without']:.3f}",
        )  # fmt: skip
    console.print(blocks)


def _signed(value: Any) -> str:
    return "-" if value != value else f"{value:+.3f}"


def _share(value: Any) -> str:
    return "-" if value != value else f"{value:.0%}"
