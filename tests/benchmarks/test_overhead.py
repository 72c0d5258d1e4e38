"""The measurement of the framework's own cost still measures what it says."""

from overhead import STEPS, bare_calls, loaded_by_import, solves


async def test_a_solve_has_five_blocks_and_as_many_calls_as_it_is_compared_with():
    steps, whole = await solves(2)
    assert len(whole) == 2 and len(steps) == 2 * (STEPS - 1)
    assert len(await bare_calls(1)) == 1


def test_importing_the_agent_loads_nothing_heavy():
    assert loaded_by_import() == []
