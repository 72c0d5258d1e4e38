"""Errors: whole in every process."""

import copy
import pickle

import pytest

from pilotage.agent import errors
from pilotage.agent.run import UnusableRun
from pilotage.agent.trace import Step, Trace

MADE = [
    errors.BudgetExceeded("max_calls", "no more calls"),
    errors.LimitReached("tokens_per_minute", 7, "too many tokens"),
    UnusableRun("the reply is empty", Trace(steps=(Step(block="reason"),))),
    errors.UsageError("write it so"),
    errors.Interrupted("kept in x"),
    *(
        kind("said")
        for kind in errors.PilotageError.__subclasses__()
        if kind not in (errors.BudgetExceeded, errors.LimitReached)
    ),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_comes_back_whole_from_another_process(error, again):
    found = again(error)
    assert type(found) is type(error) and str(found) == str(error)
    assert vars(found) == vars(error)
