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


def test_runs_over_their_limit_are_counted_by_what_they_took_themselves():
    figures, more = Figures(100), Figures(100)
    usage = {"prompt_tokens": 90, "completion_tokens": 25, "llm_calls": 1}
    earlier = {"runs": 1, "usage": {"prompt_tokens": 500, "llm_calls": 2}}
    figures.add(RESULT | {"earlier": earlier})
    assert figures.summary()["over_max_tokens"] == {"runs": 0, "most": 0}
    assert figures.summary()["llm_calls_per_task"] == 3, "but a task is charged for all of its runs"
    figures.add(RESULT | {"usage": usage})
    learning = {"by": "distil", "usage": {"prompt_tokens": 20}}
    for told in ({"charges": [learning]}, {"escalated": {"model": "large"}}):
        figures.add(RESULT | {"usage": usage} | told)
    more.add(RESULT | {"usage": usage | {"completion_tokens": 60}})
    figures += more
    assert figures.summary()["over_max_tokens"] == {"runs": 2, "most": 50}
