"""The measurement of the framework's own cost still measures what it says."""

from overhead import STEPS, SUPERSTEPS, Measured, empty_graph, loaded_by_import


async def test_a_solve_has_five_blocks_and_as_many_calls_as_it_is_compared_with():
    measured = Measured()
    await measured.run(2, unmeasured=0)
    assert len(measured.solves) == len(measured.bare_calls) == len(measured.supersteps) == 2
    assert len(measured.steps) == 2 * (STEPS - 1)
    assert await empty_graph().ainvoke({"n": 0}) == {"n": SUPERSTEPS}


def test_importing_the_agent_loads_nothing_heavy():
    assert loaded_by_import() == []
