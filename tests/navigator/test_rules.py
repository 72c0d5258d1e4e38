from pilotage.navigator import ActionSpec, Feature, ObservationSpec, Rule, RulePolicy

ACTIONS = ActionSpec(("reason", "program", "answer"))
OBSERVATIONS = ObservationSpec((Feature("candidates", 0, 8), Feature("program", -1, 1)))
RULES = (
    Rule("nothing yet", lambda o: o.candidates == 0, "program"),
    Rule("the program failed", lambda o: o.program == -1, "reason"),
)


def decide(candidates, program, legal):
    policy = RulePolicy(ACTIONS, OBSERVATIONS, RULES)
    seen = OBSERVATIONS.vector({"candidates": candidates, "program": program})
    decision = policy.decide(seen, ACTIONS.mask(legal))
    return ACTIONS.names[decision.action], decision.why


def test_the_first_rule_that_applies_decides_and_says_why():
    assert decide(0, -1, ["program", "reason"]) == ("program", "nothing yet")


def test_a_rule_whose_action_is_not_legal_is_passed_over():
    assert decide(0, -1, ["reason"]) == ("reason", "the program failed")


def test_without_a_rule_the_terminal_action_is_taken():
    assert decide(2, 1, ["program", "reason"]) == ("answer", "no rule asks for more")
