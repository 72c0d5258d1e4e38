"""Monte Carlo tree search over steps: each iteration writes on where a path is good, or has hardly been tried."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from pydantic import Field

from pilotage.agent.kit import Kit
from pilotage.agent.state import State
from pilotage.agent.strategies.searching.stepwise import Path, StepwiseStrategy, Writing, distinct
from pilotage.agent.trace import Step


@dataclass(eq=False)
class Node:
    """A path in the tree.

    Attributes:
        path: what is written so far.
        above: the node that it goes on from.
        below: its next steps, once they are written.
        visits: how many values were backed up through it.
        sum: of these values.
        done: whether nothing is left to be written at it or under it.
    """

    path: Path
    above: Node | None = None
    below: list[Node] = field(default_factory=list)
    visits: int = 0
    sum: float = 0.0
    done: bool = False

    def next(self, c: float, chance: Random) -> Node:
        """The node below with the highest upper confidence bound, of equals one that is drawn.

        UCB1 (Auer et al. 2002) as trees use it (UCT, Kocsis and Szepesvari 2006): mean + c sqrt(ln N / n).
        """

        def bound(node: Node) -> float:
            if not node.visits:
                return math.inf
            return node.sum / node.visits + c * math.sqrt(math.log(max(1, self.visits)) / node.visits)

        bounds = [(bound(node), node) for node in self.below if not node.done]
        highest = max(value for value, _ in bounds)
        return chance.choice([node for value, node in bounds if value == highest])

    def back_up(self, value: float) -> None:
        """Counts a value here and in every node above."""
        node: Node | None = self
        while node is not None:
            node.visits += 1
            node.sum += value
            node = node.above

    def close(self) -> None:
        """Nothing is left here; nor above, as far as nothing is left beside it."""
        node: Node | None = self
        while node is not None and all(one.done for one in node.below):
            node.done = True
            node = node.above


class Mcts(StepwiseStrategy):
    """Searches the tree of steps: each iteration writes several next steps at one path and has them scored.

    Chen et al. 2024, 'AlphaMath Almost Zero' (its algorithm 3; code github.com/MARIO-Math-Reasoning/Super_MARIO): c =
    1.5, 5 children, depth 8. A step's value is what the scorer says of the path, at no time the right answer. Nodes are
    chosen by UCT, whose regret on a bandit grows as log n; the paper weighs by the model's own probabilities, which few
    backends give for steps. A path that has ended is not visited again: it would show nothing new. The answer is that
    of the path that was scored highest, where the paper goes down the tree by the greatest mean; where none has ended,
    the best open one is finished alone.

    Tokens: iterations x children x (prompt + half of the path). The paper's 40 iterations are 200 calls; the default
    of 4 is 20, which leaves four of the 24 calls of a run's budget to finish a path, and fits its 6,000 tokens where
    prompt and path stay under some 250 tokens.

    It helps where the scorer is right in the mean over several ways on, though not at each step, and where the budget
    is many times that of one path. With full expansion it finds the best leaf.
    """

    name = "mcts"

    max_steps: int = Field(8, ge=1, le=200, description="depth of the tree")
    children: int = Field(5, ge=1, le=1000, description="next steps written at a path")
    iterations: int = Field(4, ge=1, le=100_000, description="how often a path is chosen and gone on with")
    c: float = Field(1.5, ge=0, le=100, description="weight of trying what was hardly tried")

    @property
    def least_calls(self) -> int:
        return self.calls_a_step * self.children

    async def run(self, state: State, kit: Kit) -> Step:
        writing = Writing(self, state, kit)
        root = Node(Path())
        for _ in range(self.iterations):
            if root.done or writing.limit is not None:
                break
            node = root
            while node.below:
                node = node.next(self.c, writing.chance)
            await self._expand(writing, node)
        best = writing.best(writing.written)
        if best is None and (open_ := self._open(writing)):
            best = writing.best([await writing.finish(max(open_, key=lambda path: path.worth))])
        leaves = distinct(path for path in writing.written if path.ended)
        shown = [path for path in leaves if path.candidate is not None] or leaves or writing.written[-1:]
        return writing.conclude_with(shown, best)

    async def _expand(self, writing: Writing, node: Node) -> None:
        """Writes the next steps of a node's path, and backs up what each is worth."""
        asked = [(node.path, number) for number in range(1, self.children + 1)]
        for path in distinct((await writing.extend(asked)).written):
            below = Node(path, above=node, done=not writing.grows(path))
            node.below.append(below)
            below.back_up(path.worth)
        node.close()

    def _open(self, writing: Writing) -> list[Path]:
        """Paths that can be gone on with and were not yet."""
        left = {path.before for path in writing.written}
        return [path for path in writing.written if path not in left and writing.grows(path)]
