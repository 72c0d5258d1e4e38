"""The same known answers by other toolkits: the same scripted model, over HTTP, and the same tasks.

Each toolkit is used as its own pages show, see `pilotage.agent.peers.driver`. Models here answer every toolkit's way of
asking for a mark, or for a merged solution, alike.
"""

import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass

from known_answers.choosing import abstaining
from known_answers.row import Measured, Row, judged, of_step
from known_answers.theory import majority, some, weighted
from pilotage.agent.budget import Meter
from pilotage.agent.errors import BadReply
from pilotage.agent.kit import Kit
from pilotage.agent.models import ModelClient, StochasticChatModel
from pilotage.agent.peers.block import PeerBlock, Peers
from pilotage.agent.peers.toolkit import Peer
from pilotage.agent.state import State
from pilotage.agent.strategies.known.skilled import PLENTY, RIGHT, WRONG, answer, drawn_answer, skilled, task
from pilotage.agent.strategies.known.trees import CONTINUES
from pilotage.agent.trace import Trace

MARKS = ("one digit", "Score the following conversation", "Rate the above response")
"""By which ours, its_hub's and optillm's judges are known."""
MERGES = ("by others", "provide a final, optimized response")


@dataclass(frozen=True)
class Compared:
    """A known answer with how each toolkit's method for it is written, and the model that all are given.

    Attributes:
        row: ours.
        model: makes the model of one task.
        peers: methods, as `peer:` writes them.
        wanted: the right answer.
    """

    row: Row
    model: object
    peers: tuple[str, ...]
    wanted: str = RIGHT


def mark_of(messages, worth) -> str | None:
    """The mark that a judge is asked for, 0 to 10, in the form that it is asked for; None where none is."""
    asked = str(messages[-1].text)
    form = next((form for form in MARKS if form in asked), None)
    if form is None:
        return None
    read = str(messages[-2].text) if form == MARKS[2] else asked.split("assistant:")[-1]
    mark = worth(read)
    return json.dumps({"score": mark, "reasoning": ""}) if form == MARKS[1] else str(min(9, mark))


def marked(p: float, worth) -> StochasticChatModel:
    """Solves with skill p, and marks solutions."""

    def reply(messages, chance):
        return mark_of(messages, worth) or drawn_answer(p, chance)

    return StochasticChatModel(reply, keeps_calls=False)


def eight_if_right(text: str) -> int:
    """The mark of a judge who sees: 8, or 2."""
    return 8 if f"Answer: {RIGHT}" in text or "good" in text else 2


def merging(p: float, right) -> StochasticChatModel:
    """Solves with skill p, criticises nothing, and merges by `right` of the answers that it reads, in their order."""

    def reply(messages, chance):
        asked = str(messages[-1].text)
        if any(form in asked for form in MERGES):
            return answer(RIGHT if right([said == RIGHT for said in re.findall(r"Answer: (\w+)", asked)]) else WRONG)
        if "provide your critique" in asked:
            return "Each is fine."
        return drawn_answer(p, chance)

    return StochasticChatModel(reply, keeps_calls=False)


def two_steps(good: float) -> StochasticChatModel:
    """A good or a bad first step, and the answer that follows from it; marks them."""

    def reply(messages, chance):
        if (mark := mark_of(messages, eight_if_right)) is not None:
            return mark
        so_far = next((str(message.text) for message in reversed(messages) if message.type == "ai"), "")
        if not so_far.strip():
            return f"{'good' if chance.random() < good else 'bad'}\n\nand much more"
        return f"Answer: {RIGHT if 'good' in so_far else WRONG}"

    return StochasticChatModel(reply, capabilities=CONTINUES, keeps_calls=False)


def four_to_one() -> StochasticChatModel:
    """Answers A or B at once, and gives them odds of four to one, or of one: marks of 8 and 5."""

    def reply(messages, chance):
        return mark_of(messages, lambda text: 8 if "Answer: A" in text else 5) or (
            "Answer: A" if chance.random() < 0.5 else "Answer: B"
        )

    return StochasticChatModel(reply, capabilities=CONTINUES, keeps_calls=False)


def compared() -> list[Compared]:
    """What other toolkits have a method for."""

    def row(strategy, setting, theory, spec, model, wanted=RIGHT, scores=None):
        sample = of_step(spec, model, lambda step, kit: step.candidate == wanted, scores)
        return Row(strategy, setting, theory, sample, "right" if wanted == RIGHT else f"answers {wanted}")

    sure, steps = marked(0.3, eight_if_right), two_steps(0.3)
    blind, seeing, odds = merging(0.3, lambda read: read[0]), merging(0.3, any), four_to_one()

    def known(path):
        return 0.8 if path[-1] == "Answer: A" else 0.5

    return [
        *(
            Compared(
                row("self-consistency", f"5 draws, p={p}", majority(p, 5), "self-consistency;n=5", skilled(p)),
                skilled(p),
                ("peer:its_hub/self-consistency;budget=5", "peer:optillm/self_consistency"),
            )
            for p in (0.6, 0.8)
        ),
        Compared(
            row(
                "self-consistency",
                "three replies cannot be read, two are right",
                1.0,
                "self-consistency;n=5",
                abstaining,
            ),
            abstaining,
            ("peer:its_hub/self-consistency;budget=5", "peer:optillm/self_consistency"),
        ),
        Compared(
            row(
                "best-of-n",
                "4 draws, p=0.3, the model as a judge who sees",
                some(0.3, 4),
                "best-of-n;n=4;scorer=judge",
                sure,
            ),
            sure,
            ("peer:its_hub/best-of-n;budget=4", "peer:optillm/bon;best_of_n=4"),
        ),
        Compared(
            row(
                "beam",
                "one path, 4 next steps, good ones 0.3, a judge who sees",
                some(0.3, 4),
                "beam;beams=1;children=4;scorer=judge",
                steps,
            ),
            steps,
            ("peer:its_hub/beam-search;budget=4;beam_width=1",),
        ),
        Compared(
            row(
                "particle-filter",
                "6 particles, odds 4:1, one drawn by weight",
                weighted(0.5, 6, 4),
                "particle-filter;n=6;answer=sampled;scorer=known",
                odds,
                "A",
                known,
            ),
            odds,
            ("peer:its_hub/particle-filtering;budget=6;selection=sample",),
            "A",
        ),
        Compared(
            row(
                "mixture-of-agents",
                "3 proposers, p=0.3, who merges copies the first",
                0.3,
                "mixture-of-agents;proposers=3",
                blind,
            ),
            blind,
            ("peer:optillm/moa",),
        ),
        Compared(
            row(
                "mixture-of-agents",
                "3 proposers, p=0.3, who merges sees",
                some(0.3, 3),
                "mixture-of-agents;proposers=3",
                seeing,
            ),
            seeing,
            ("peer:optillm/moa",),
        ),
    ]


@asynccontextmanager
async def toolkits(folder):
    """Peers whose environments lie in a folder. Raises UsageError where one is not as due, before any measurement."""
    peers = Peers(folder)
    for one in compared():
        for method in one.peers:
            peers.require(Peer.parse(method))
    async with peers:
        yield peers


async def measure_peer(one: Compared, method: str, peers: Peers, tasks: int) -> Measured:
    """A toolkit's share on the tasks of a row; one that fails on a task is wrong on it."""
    block, own = PeerBlock(Peer.parse(method), peers), None if one.model is abstaining else ModelClient(one.model)
    values = []
    for number in range(tasks):
        kit = Kit(own or ModelClient(one.model(number)), Meter(PLENTY))
        try:
            step = await block.run(State(task(number), Trace(), PLENTY), kit)
        except BadReply:
            values.append(0.0)
        else:
            values.append(float(step.candidate == one.wanted))
    return judged(one.row, values)
