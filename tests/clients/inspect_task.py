"""Small tasks of Inspect AI, for its command line; targets and metadata hold words that no prompt may."""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import choice, includes
from inspect_ai.solver import system_message, use_tools
from inspect_ai.tool import think

SUMS = [("What is 17*23?", "391"), ("What is 6*7?", "42"), ("What is 9*9?", "81")]


@task
def sums():
    """Sums, of which the last is answered wrongly by a model that knows only the first two."""
    hidden = {"solution": "the-hidden-solution"}
    samples = [
        Sample(id=str(place), input=asked, target=[due, "the-hidden-target"], metadata=hidden)
        for place, (asked, due) in enumerate(SUMS, 1)
    ]
    return Task(dataset=MemoryDataset(samples), scorer=includes())


@task
def choices():
    """A question with choices behind a system message."""
    sample = Sample(input="Which is a prime?", choices=["21", "23", "25"], target="B")
    return Task(dataset=MemoryDataset([sample]), setup=system_message("Be terse."), scorer=choice())


@task
def conversation():
    """A conversation, which is replied to."""
    return Task(
        dataset=MemoryDataset([Sample(input="hi there", target="Hello")]),
        setup=system_message("Be kind."),
        scorer=includes(),
    )


@task
def with_a_tool():
    """A question for which the task offers a tool."""
    return Task(dataset=MemoryDataset([Sample(input="hi there")]), setup=use_tools(think()))
