"""RulePolicy: a short ordered list of readable rules; the first that applies and is legal decides.

The default list encodes what was measured on small models: run a program first where there is something to compute; an
answer that a second, independent route also reached is nearly always right; self-assessment tells nothing, the
log-probabilities of the program's own tokens tell something, so check what looks unsure. A third route to break a tie
was tried and left out: on the problems where two disagreed, decomposing was right once in seven.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pilotage.navigator.policies.policy import Decision
from pilotage.navigator.spaces import ActionMask, ActionSpec, Observation, ObservationSpec


class View:
    """An observation read by name: `o.program`, `o.candidates`."""

    def __init__(self, spec: ObservationSpec, observation: Observation) -> None:
        self._spec = spec
        self._observation = observation

    def __getattr__(self, name: str) -> float:
        return self._spec.value(self._observation, name)


@dataclass(frozen=True)
class Rule:
    """When `applies` and `action` is legal, do it."""

    why: str
    applies: Callable[[View], bool]
    action: str


SURE = -0.06
"""Mean token log-probability above which a program's answer is taken without a check."""

SHORT_QUESTION = 5.3
"""Natural logarithm of 200 characters."""


def is_short_question(o: View) -> bool:
    """A question for knowledge: one short sentence, without numbers and without text to work on."""
    material = o.numbers + o.quoted + o.examples
    is_one_sentence = o.lines <= 1 and o.sentences <= 1 and o.prompt_length < SHORT_QUESTION
    return o.candidates == 0 and o.kind_text == 1 and material == 0 and is_one_sentence


def is_open(o: View) -> bool:
    """A request whose reply is the answer, as a whole: it is of none of the kinds that have a feature."""
    return not (o.kind_numeric or o.kind_choice or o.kind_text or o.kind_program or o.kind_grid)


TWO_ROUTES: tuple[Rule, ...] = (
    Rule("a request to reply to", is_open, "answer"),
    Rule("all worked examples pass", lambda o: o.examples_passed == 1, "answer"),
    Rule("two independent routes agree", lambda o: o.leader_routes >= 2, "answer"),
    Rule("a short question with nothing to compute", is_short_question, "answer"),
    Rule("nothing was computed yet", lambda o: o.candidates == 0, "program"),
    Rule("the program failed", lambda o: o.candidates == 0 and o.program == -1 and o.count_reflect == 0, "reflect"),
    Rule("no answer yet", lambda o: o.candidates == 0, "reason"),
    Rule("no answer yet", lambda o: o.candidates == 0, "decompose"),
    Rule(
        "the program is sure of itself",
        lambda o: o.candidates == 1 and o.leader_executed == 1 and o.leader_mean_logprob > SURE,
        "answer",
    ),
    Rule("one route alone is not enough", lambda o: o.candidates == 1, "verify"),
)


class RulePolicy:
    """Decides by the first rule that applies and is legal; the terminal action where none does.

    Args:
        actions: the action list.
        observations: the features.
        rules: in the order in which they are asked.
        name: in results and figures.
        tasks_learned: marks of the tasks that something in the rules was fitted to: ids, and fingerprints of what they
            show.
    """

    def __init__(
        self,
        actions: ActionSpec,
        observations: ObservationSpec,
        rules: Sequence[Rule] = TWO_ROUTES,
        name: str = "rules",
        tasks_learned: tuple[str, ...] = (),
    ) -> None:
        self.name, self.rules, self.tasks_learned = name, tuple(rules), tasks_learned
        self._actions, self._observations = actions, observations
        self._indices = [actions.index(rule.action) for rule in self.rules]

    def decide(self, observation: Observation, mask: ActionMask) -> Decision:
        """The action of the first rule that applies and that the mask allows."""
        self._actions.check(mask)
        view = View(self._observations, observation)
        for rule, index in zip(self.rules, self._indices, strict=True):
            if mask[index] and rule.applies(view):
                return Decision(index, rule.why)
        return Decision(self._actions.index(self._actions.terminal), "no rule asks for more")
