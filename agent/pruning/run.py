"""Run: every chain that is not in the output yet is pruned, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pilotage.agent.batch.workers import Refusals, at_once
from pilotage.agent.errors import BadReply, ContextExceeded, ModelUnavailable
from pilotage.agent.models.likelihood import Likelihood
from pilotage.agent.models.reply import Bill, RequestRefused
from pilotage.agent.pruning.chains import Chain
from pilotage.agent.pruning.output import PrunedFile
from pilotage.agent.pruning.refining import Form, refine
from pilotage.agent.pruning.rules import Rule
from pilotage.agent.trace import Usage


@dataclass
class Pruned:
    """How far a pruning is.

    Attributes:
        chains: how many there are.
        known: those that the output held before.
        new: those that were pruned now.
        left_out: of each that could not be its id, and why.
        usage: what this sitting cost, chains that were left out included.
    """

    chains: int
    known: int = 0
    new: int = 0
    left_out: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


async def prune_all(
    chains: Sequence[Chain],
    likelihood: Likelihood,
    rule: Rule,
    output: PrunedFile,
    *,
    asks_kinds: bool,
    form: Form,
    made_by: dict[str, Any],
    concurrency: int = 1,
    on_chain: Callable[[Pruned], None] = lambda so_far: None,
) -> Pruned:
    """Prunes what the output does not hold.

    A chain whose calls fail for its own sake (too long, refused, a reply that is no use) is left out and the others go
    on, until the endpoint refuses one after another.

    Raises:
        ModelError: what every other chain would meet; what is done is kept.
    """
    so_far = Pruned(len(chains), known=sum(chain.digest in output.done for chain in chains))
    waiting, refusals = iter([chain for chain in chains if chain.digest not in output.done]), Refusals("chains")
    on_chain(so_far)

    async def work() -> None:
        for chain in waiting:
            bill = Bill()
            try:
                refined = await refine(chain, likelihood, rule, bill, asks_kinds=asks_kinds)
            except (BadReply, ContextExceeded, RequestRefused) as error:
                bill.usage += getattr(error, "usage", Usage())
                so_far.left_out.append(f"{chain.id}: {error}")
                if isinstance(error, ModelUnavailable):
                    refusals.refused(error)
                continue
            finally:
                so_far.usage += bill.usage
            refusals.answered()
            output.append(refined.line(form, made_by, bill))
            so_far.new += 1
            on_chain(so_far)

    await at_once(work, min(concurrency, len(chains)))
    return so_far
