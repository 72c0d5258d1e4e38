"""A bank of draws made up for tests: what each program and each piece of reasoning would answer is given."""

from collections import Counter

from pilotage.navigator.bank.records import BankMeta, Node, child_id
from pilotage.navigator.spaces import ActionSpec, Feature, ObservationSpec
from tests.navigator.banks import usage, write_bank

BLOCKS = ("reason", "program", "sample")
ACTIONS = ActionSpec((*BLOCKS, "answer"))
KINDS = ("numeric", "choice", "text", "program", "grid")
OBSERVATIONS = ObservationSpec(
    (
        *(Feature(f"count_{name}", 0, 8) for name in BLOCKS),
        *(Feature(f"last_{name}", 0, 1) for name in BLOCKS),
        Feature("candidates", 0, 8),
        Feature("leader_routes", 0, 8),
        *(Feature(f"kind_{kind}", 0, 1) for kind in KINDS),
    )
)
META = BankMeta(ACTIONS, OBSERVATIONS, model="scripted", prompt_hash="0" * 16, created="2026-11-01T00:00:00+00:00")
LEAD = 3
"""As many routes ahead, and no more is drawn."""


def drawn_bank(path, tasks, depth=6):
    """A bank of trees to `depth`.

    `tasks` gives by (task, family) the right answer, and what programs and reasoning answer, draw after draw; None is
    no answer. A program costs 100 tokens, reasoning 300.
    """
    return write_bank(path, {key: _tree(*given, depth) for key, given in tasks.items()}, META)


def leader(answers):
    """The answer that most draws gave, of equals the one reached first, and how many did; (None, 0) without any."""
    given = [answer for answer in answers if answer is not None]
    return Counter(given).most_common(1)[0] if given else (None, 0)


def _tree(right, programs, reasoning, depth):
    nodes = []

    def grow(route, drawn):
        """`drawn` is what each block of the route drew: whether by program, and the answer."""
        answers = [answer for _, answer in drawn]
        answer, routes = leader(answers)
        used = {True: sum(one for one, _ in drawn), False: sum(not one for one, _ in drawn)}
        first = next((by for by, found in drawn if found == answer), None) if answer is not None else None
        leads = first if first is not None else (drawn[-1][0] if drawn else None)
        second = max([n for one, n in Counter(answers).items() if one not in (answer, None)], default=0)
        draws = {"program": True, "reason": False, "sample": leads}
        open_to = [name for name in ("program", "reason") if name not in route]
        if leads is not None and routes - second < LEAD:
            open_to.append("sample")
        sources = {True: programs, False: reasoning}
        legal = (
            [name for name in open_to if used[draws[name]] < len(sources[draws[name]])] if len(route) < depth else []
        )
        path = "r"
        for block in route[:-1]:
            path = child_id(path, block)
        values = dict.fromkeys(OBSERVATIONS.names, 0.0) | {"kind_numeric": 1.0, "leader_routes": float(routes)}
        values |= {f"count_{name}": float(route.count(name)) for name in BLOCKS}
        values["candidates"] = float(len(set(answers) - {None}))
        if route:
            values[f"last_{route[-1]}"] = 1.0
        nodes.append(
            Node(
                id=child_id(path, route[-1]) if route else "r",
                parent=path if route else None,
                action=route[-1] if route else None,
                observation=OBSERVATIONS.vector(values).tolist(),
                mask=ACTIONS.mask(legal).tolist(),
                candidate=answers[-1] if route else None,
                evidence={},
                text="",
                usage=usage((100 if drawn[-1][0] else 300) if route else 0),
                answer=answer or "?",
                score=float(answer == right),
                answer_usage=usage(0 if answer else 10),
            )
        )
        for name in legal:
            by = draws[name]
            grow((*route, name), (*drawn, (by, sources[by][used[by]])))

    grow((), ())
    return nodes
