"""Strategies whose calls read each other: judges, critics, verifiers, mergers; and those of several kinds of calls."""

from pathlib import Path
from random import Random

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from known_answers.choosing import same_as
from known_answers.row import Row, calls, of_step
from known_answers.theory import majority, some, worse_pulls
from pilotage.agent.models import ScriptedReply, StochasticChatModel
from pilotage.agent.strategies import strategy_named
from pilotage.agent.strategies.composed import plangen
from pilotage.agent.strategies.known import readers
from pilotage.agent.strategies.known.skilled import drawn_answer
from pilotage.agent.task import Task

CHOICE = Task(id="c", prompt="Which of these is a bird?", kind="choice", choices=("oak", "wren", "pike", "moth"))


class Beside(BaseRetriever):
    """Finds texts that have nothing to do with what is asked."""

    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(page_content="Oaks live for centuries.")] * 3


def beside() -> Beside:
    """What `retriever=` names."""
    return Beside()


def helps_nobody(messages, chance):
    """No evidence helps it; it solves with skill .6."""
    if "Does the evidence help" in str(messages[-1].text):
        return ScriptedReply(text="no", logprob=-0.05)
    return drawn_answer(0.6, chance)


def tells(messages, chance):
    """Tells a story, or solves with skill .6."""
    if "order in which it happens" in str(messages[0].text) + str(messages[-1].text) and len(messages) == 2:
        return "First the tea, then the cake."
    return drawn_answer(0.6, chance)


def guessed_verdict(right, chance) -> str:
    return "yes" if chance.random() < 0.5 else "no"


def true_verdict(right, chance) -> str:
    return "yes" if right else "no"


def worse_arm(pulls: int, chances: tuple[float, float], width: float):
    """Pulls of the worse of two arms by the rule of `plangen`."""

    async def sample(number: int) -> float:
        arms, chance = [plangen.Arm(strategy_named("self-consistency"), []) for _ in chances], Random(number)
        for _ in range(pulls):
            arm = plangen.next_arm(arms, width, chance)
            arm.marks.append(float(chance.random() < chances[0 if arm is arms[0] else 1]))
        return float(len(arms[1].marks))

    return sample


def rows() -> list[Row]:
    few = some(0.3, 4)
    layers = f"archon;file={Path(__file__).with_name('layers.toml')}"
    alone = "best-of-n,n=1,scorer=agreement"
    pulls, arms, width = 4000, (0.9, 0.3), strategy_named("plangen").width
    return [
        Row(
            "tree-of-thoughts",
            "depth=1, k=4, p=0.3, a blind judge",
            0.3,
            of_step("tree-of-thoughts;depth=1;k=4", readers.player(0.3)),
        ),
        Row(
            "tree-of-thoughts",
            "depth=1, k=4, p=0.3, a judge who sees",
            few,
            of_step("tree-of-thoughts;depth=1;k=4;votes=1", readers.player(0.3, readers.number_of_right)),
        ),
        Row(
            "tree-of-thoughts",
            "depth=2, k=3, good ideas 0.3, a judge who sees",
            some(0.3, 3),
            of_step(
                "tree-of-thoughts",
                readers.planner(0.3, readers.number_of_right),
            ),
            cost=2,
        ),
        Row(
            "mixture-of-agents",
            "4 proposers, p=0.3, who merges is blind",
            0.3,
            of_step("mixture-of-agents", readers.player(0.3, read=readers.first_of)),
        ),
        Row(
            "mixture-of-agents",
            "4 proposers, p=0.3, who merges sees",
            few,
            of_step("mixture-of-agents", readers.player(0.3, read=readers.any_of)),
        ),
        Row(
            "debate",
            "3 agents, p=0.6, all keep their answer: a vote",
            majority(0.6, 3),
            of_step("debate", readers.player(0.6, read=readers.keeps)),
        ),
        Row(
            "debate",
            "decide=judge, p=0.3, a blind judge",
            0.3,
            of_step("debate;decide=judge", readers.player(0.3, read=readers.keeps)),
        ),
        Row(
            "genrm",
            "4 solutions, p=0.3, a verifier who guesses",
            0.3,
            of_step("genrm;solutions=4", readers.verifying(0.3, guessed_verdict)),
            cost=2,
        ),
        Row(
            "genrm",
            "4 solutions, p=0.3, a perfect verifier",
            few,
            of_step("genrm;solutions=4", readers.verifying(0.3, true_verdict)),
            cost=2,
        ),
        Row(
            "self-refine",
            "p=0.6, a critic who is content: one sample",
            0.6,
            of_step("self-refine", readers.criticising(0.6, readers.content)),
        ),
        Row(
            "self-refine",
            "rounds=3, p=0.4, a critic who knows",
            some(0.4, 4),
            of_step("self-refine;rounds=3", readers.criticising(0.4, readers.knows)),
        ),
        Row(
            "critique-revise",
            "p=0.6, a critic who is content: one sample",
            0.6,
            of_step("critique-revise", readers.criticising(0.6, readers.content)),
        ),
        Row(
            "critique-revise",
            "rounds=3, p=0.4, a critic who knows",
            some(0.4, 4),
            of_step("critique-revise;rounds=3", readers.criticising(0.4, readers.knows)),
        ),
        Row(
            "iad",
            "n=3, rounds=2, p=0.2, deaf to feedback: best of 6",
            some(0.2, 6),
            of_step("iad;n=3;rounds=2", readers.shown_the_best(0.2, 0.2)),
        ),
        Row(
            "archon",
            "4 drawn and ranked, p=0.3, a ranker who names the first place",
            0.3,
            of_step(layers, readers.team(0.3)),
        ),
        Row(
            "archon",
            "4 drawn and ranked, p=0.3, a ranker who knows",
            few,
            of_step(layers, readers.team(0.3, readers.right_first)),
        ),
        Row(
            "plangen",
            "rounds=6, p=0.3, a mark that is sure ends it",
            some(0.3, 6),
            of_step(f"plangen;arms={alone};rounds=6;threshold=0.85", readers.constrained(0.3)),
            cost=2,
        ),
        Row(
            "plangen",
            f"arms of {arms[0]} and {arms[1]}, {pulls:,} pulls: the worse one, within UCB1's bound for width={width}",
            worse_pulls(pulls, arms[0] - arms[1], width),
            worse_arm(pulls, arms, width),
            "pulls",
            cost=5,
            relation="<=",
        ),
        Row(
            "medprompt",
            "n=1, four choices, a model that always names A",
            0.25,
            of_step("medprompt;n=1", readers.likes_a_place(0), lambda step, kit: step.candidate == "B", given=CHOICE),
        ),
        Row(
            "narrative",
            "a story, then an answer",
            2,
            of_step("narrative", StochasticChatModel(tells), calls),
            "calls",
            cost=4,
            relation="exact",
        ),
        Row("narrative", "p=0.6 after any story", 0.6, of_step("narrative", StochasticChatModel(tells))),
        Row(
            "retrieve",
            "n=5, nothing that is found helps: as a plain vote",
            1.0,
            same_as(
                "retrieve;n=5;retriever=known_answers.reading:beside",
                "self-consistency;n=5",
                StochasticChatModel(helps_nobody),
            ),
            "same answer",
            cost=3,
            relation="exact",
        ),
    ]
