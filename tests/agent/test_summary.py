"""Figures of a batch are numbers, however few results there are."""

import pytest

from pilotage.agent.batch.summary import Figures

RESULT = {"score": 1.0, "answer": "4", "usage": {"prompt_tokens": 10, "llm_calls": 1}}


@pytest.mark.parametrize("more", [{}, {"answer": None}, {"answer": None, "error": "down", "score": None}])
@pytest.mark.parametrize("times", [1, 2])
def test_counts_are_whole_numbers(more, times):
    figures = Figures()
    for _ in range(times):
        figures.add(RESULT | more)
    summary = figures.summary()
    unanswered, failed = times * ("answer" in more), times * ("error" in more)
    assert (str(summary["unanswered"]), str(figures.failed)) == (str(unanswered), str(failed))
    assert (summary["tasks"], summary["prompt_tokens_per_task"]) == (times, 10)


def test_limits_that_ended_runs_are_told():
    figures, more = Figures(), Figures()
    for ended in ("answer", "max_seconds", "error", "max_calls"):
        figures.add(RESULT | {"stopped_by": ended})
    more.add(RESULT | {"stopped_by": "max_seconds"})
    figures += more
    assert figures.summary()["ended_by_limits"] == {"max_calls": 1, "max_seconds": 2}
