from pilotage.agent.state import candidates
from pilotage.agent.task import Task
from pilotage.agent.trace import Evidence
from tests.agent.states import step

TASK = Task(id="t", prompt="How many?", kind="numeric")


def leader(*steps):
    return candidates(TASK, steps)[0]


def test_equal_numbers_are_one_candidate_however_they_are_written():
    assert len(candidates(TASK, [step("reason", "18"), step("program", "18.0"), step("debate", "17")])) == 2


def test_independent_agreement_outweighs_a_program():
    program = step("program", "10", evidence=Evidence(program="ok"))
    assert leader(program, step("verify", "6", independent=True), step("decompose", "6", independent=True)).text == "6"


def test_repeating_an_answer_that_was_seen_is_no_second_route():
    found = leader(step("program", "10"), step("reason", "10"))
    assert found.routes == 1
    assert not found.verified


def test_a_second_independent_route_verifies():
    found = leader(step("program", "10"), step("verify", "10", independent=True))
    assert found.routes == 2
    assert found.verified


def test_passing_all_worked_examples_verifies_and_outweighs_agreement():
    passing = step("program", "print(1)", evidence=Evidence(program="ok", examples_passed=1.0))
    others = [step("reason", "print(2)"), step("debate", "print(2)", independent=True)]
    task = Task(id="p", prompt="Print.", kind="program")
    found = candidates(task, [*others, passing])[0]
    assert found.text == "print(1)"
    assert found.verified


def test_routes_that_fail_on_a_worked_example_are_wrong_however_many_agree():
    for share in (0.0, 0.5):
        failing = Evidence(program="failed", examples_passed=share)
        found = leader(
            step("program", "10", evidence=failing), step("sample", "10", evidence=failing, independent=True)
        )
        assert found.routes == 2 and not found.verified


def test_without_agreement_the_log_probabilities_decide():
    executed = step("program", "1", evidence=Evidence(program="ok"), mean_logprob=-0.9)
    assert leader(executed, step("verify", "2", mean_logprob=-0.1, independent=True)).text == "2"
    assert leader(step("reason", "3", mean_logprob=-0.5), step("debate", "4", mean_logprob=-0.2)).text == "4"


def test_without_log_probabilities_what_was_executed_leads():
    assert leader(step("reason", "2"), step("program", "1", evidence=Evidence(program="ok"))).text == "1"


def test_no_answer_is_no_candidate():
    assert candidates(TASK, [step("plan"), step("reason")]) == ()
