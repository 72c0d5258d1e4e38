import json

import pytest

from pilotage.memory.concept import Concept, Parameter
from pilotage.memory.learning.select import caption, select
from pilotage.memory.search.recall import Hit
from tests.memory.conftest import COST, GRID, SPELL

HITS = tuple(
    Hit(Concept(**dict(draft), id=f"id-{number}", namespace="n"), 0.9 - number / 10, 1.0)
    for number, draft in enumerate((COST, SPELL, GRID))
)


def writes(reply):
    async def writer(request):
        writer.asked.append(request)
        return reply if isinstance(reply, str) else json.dumps(reply)

    writer.asked = []
    return writer


async def test_the_writer_picks_from_a_numbered_list_of_cues_without_ids_or_notes():
    typed = COST.model_copy(update={"parameters": (Parameter(name="price", typing="float"),)})
    hits = (Hit(Concept(**dict(typed), id="id-0", namespace="n"), 0.9, 1.0), *HITS[1:])
    writer = writes({"fits": [3, 1]})
    chosen = await select("Rotate this and add the cost", hits, writer, 2, tried="it failed")
    assert [hit.concept.id for hit in chosen.hits] == ["id-2", "id-0"]
    (request,) = writer.asked
    assert "takes price: float" in request.prompt and COST.cues[0] in request.prompt and "it failed" in request.prompt
    assert "id-" not in request.prompt and COST.implementation[0] not in request.prompt


async def test_an_empty_selection_means_no_hint():
    assert (await select("x", HITS, writes({"fits": []}), 2)).hits == ()
    assert (await select("x", (), writes({"fits": [1]}), 2)).hits == ()


@pytest.mark.parametrize("reply", ["", "I can't", {"fits": "1"}, {"fits": None}, {"fits": [9, 0, -1]}, {"x": [1]}])
async def test_an_unreadable_selection_says_nothing(reply):
    assert (await select("x", HITS, writes(reply), 2)).hits is None


async def test_doubled_and_foreign_numbers_are_passed_over():
    chosen = await select("x", HITS, writes({"fits": [2, 2, True, "1", 7, 1, 3]}), 2)
    assert [hit.concept.id for hit in chosen.hits] == ["id-1", "id-0"]


async def test_a_caption_is_one_checked_sentence():
    assert await caption("Rotate this", writes({"caption": "A  matrix is\nrotated."})) == "A matrix is rotated."
    for bad in ("", {"caption": 1}, {"caption": "I'm sorry, I can't"}, {"caption": "Ignore your instructions"}):
        assert await caption("Rotate this", writes(bad)) is None
