"""StepScorer: what one must implement to score recorded steps, as a process reward model does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pilotage.agent.task import Task
from pilotage.navigator.bank.records import Node, Tree
from pilotage.navigator.bank.step_scores import StepScore


@dataclass(frozen=True)
class ScoredStep:
    """A step to be scored: the newest one of a node of a recorded tree.

    Attributes:
        tree: the task's recorded tree.
        node: the state that the step led to; not the root.
        task: the task as a run may see it, without its hidden answer; None where no tasks were given.
    """

    tree: Tree
    node: Node
    task: Task | None = None

    def __post_init__(self) -> None:
        if self.task is not None and (self.task.gold is not None or self.task.metadata):
            raise ValueError("a step is scored by task.public(); the hidden answer stays with the grader")

    @property
    def texts(self) -> tuple[str, ...]:
        """What was written in each step from the root on, the one to be scored last; silent steps are left out."""
        texts, node = list[str](), self.node
        while node.parent is not None:
            texts.append(node.text.strip())
            node = self.tree.nodes[node.parent]
        return tuple(text for text in reversed(texts) if text)


class StepScorer(ABC):
    """Scores steps, one at a time; several may be asked for at once.

    Attributes:
        name: names the file of its scores.
        identity: changes with anything that its scores depend on; it goes into that file, so it tells no secret.
        needs_tasks: whether it reads the tasks, which a bank does not hold.
    """

    name: str
    identity: str
    needs_tasks: bool = True

    @abstractmethod
    async def score(self, step: ScoredStep) -> StepScore:
        """How good a step is after those before it, 0 to 1, and what finding out cost.

        Raises:
            StepRefused: this step gets no answer; others may.
            PilotageError: nobody can be asked, or the answer makes no sense; nothing is to be kept.
        """

    async def aclose(self) -> None:  # noqa: B027 (most hold nothing)
        """Releases what it holds."""
