"""A recorded tree of two steps and the task that it is about."""

from pilotage.agent.banks.fingerprints import fingerprint
from pilotage.agent.banks.scorers import ScoredStep
from pilotage.agent.task import Task
from pilotage.navigator.bank.records import TaskHeader, Tree
from tests.navigator.banks import node

TASK = Task(id="t/a", prompt="Tom has 3 apples and buys 4. How many?", kind="numeric", gold=987654)


def nodes(**more):
    return [
        node(extras={"prompt": fingerprint(TASK)}),
        node(("reason",), text="3 + 4 = 8"),
        node(("reason", "verify"), **{"text": "  No: 3 + 4 = 7\n", **more}),
    ]


def step_of(task=TASK, **more):
    tree = Tree(TaskHeader(TASK.id, "t"), {one.id: one for one in nodes(**more)})
    return ScoredStep(tree, tree.nodes["r/reason/verify"], task.public() if task else None)
