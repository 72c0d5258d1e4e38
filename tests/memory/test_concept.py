import hashlib
import json

import pytest
from pydantic import ValidationError

from pilotage.memory.concept import Concept, ConceptDraft, Outcomes, Provenance
from pilotage.memory.errors import InvalidConcept


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"title": "x" * 121}, "title"),
        ({"title": "   "}, "title"),
        ({}, "title"),
        ({"title": "a", "kind": "spell"}, "kind"),
        ({"title": "a", "cues": ["x" * 301]}, "cues.0"),
        ({"title": "a", "implementation": ["x"] * 61}, "implementation"),
        ({"title": "a", "description": "x" * 1001}, "description"),
        ({"title": "a", "parameters": [{"typing": "int"}]}, "parameters.0.name"),
        ({"title": "a", "verified_by": "me"}, "verified_by"),
    ],
)
def test_a_malformed_draft_is_refused_in_one_sentence_that_names_the_field(data, field):
    with pytest.raises(InvalidConcept, match=f"'{field}'") as caught:
        ConceptDraft.parse(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"title": "x" * 5000}, "at most 120 characters and has 5,000"),
        ({"title": "a", "implementation": ["x"] * 61}, "at most 60 items.* not 61"),
        ({"title": "a\0b"}, "NUL character"),
        ({"title": "a", "cues": ["b", "c\0"]}, "NUL character"),
        ([1, 2], "an object with named fields, not a list"),
        (None, "an object with named fields, not nothing"),
        ("text", "an object with named fields, not text"),
        (3.0, "an object with named fields, not a number"),
        ((1, 2), "an object with named fields, not a list"),
        (b"x", "an object with named fields, not a value of type bytes"),
        ({1}, "an object with named fields, not a value of type set"),
        (ConceptDraft(title="a"), "an object with named fields, not a value of type ConceptDraft"),
    ],
)
def test_what_is_too_large_or_no_concept_at_all_says_how(data, said):
    with pytest.raises(InvalidConcept, match=said) as caught:
        ConceptDraft.parse(data)
    assert len(str(caught.value)) < 200


def test_a_type_is_a_concept_with_a_name_and_a_definition():
    kind = ConceptDraft.parse({"kind": "type", "title": "Grid", "description": "rows of colours"})
    assert kind.search_text == "Grid\nrows of colours"


def test_a_lesson_keeps_its_situation_as_cue_and_its_suggestion_as_steps():
    lesson = ConceptDraft.lesson("the answer is a date", ["use datetime"])
    assert (lesson.kind, lesson.cues, lesson.implementation) == (
        "lesson",
        ("the answer is a date",),
        ("use datetime",),
    )
    assert lesson.title == "the answer is a date"


def test_a_long_lesson_is_refused_as_a_draft_is():
    with pytest.raises(InvalidConcept, match="'cues.0'"):
        ConceptDraft.lesson("x" * 400, ["do"])


def test_content_hash_follows_the_content_and_not_the_keywords():
    draft = ConceptDraft(title="a", cues=("b",))
    assert draft.content_hash == ConceptDraft(title=" a ", cues=("b",), keywords=("z",)).content_hash
    assert draft.content_hash != ConceptDraft(title="a", cues=("c",)).content_hash
    assert draft.content_hash != ConceptDraft(title="a", cues=("b",), subtype="s").content_hash


def test_a_concept_of_the_first_release_keeps_the_hash_that_it_was_stored_under():
    body = {"kind": "routine", "title": "a", "description": "", "parameters": [], "output_typing": ""}
    body |= {"cues": ["b"], "implementation": []}
    stored = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    assert ConceptDraft(title="a", cues=("b",)).content_hash == stored


def test_a_concept_has_the_hash_of_its_draft_and_gives_it_back():
    draft = ConceptDraft(title="a", cues=("b",))
    concept = Concept(**dict(draft), id="1", namespace="n", provenance=Provenance(task_id="t"))
    assert concept.draft == draft
    assert concept.content_hash == draft.content_hash
    assert Concept.model_validate_json(concept.model_dump_json()) == concept


def test_concepts_cannot_be_changed_in_place():
    with pytest.raises(ValidationError):
        ConceptDraft(title="a").title = "b"


def test_the_posterior_starts_at_one_half_and_follows_the_outcomes():
    assert Outcomes(recalled=9).posterior == 0.5
    assert Outcomes(helped=2).posterior == 0.75
    assert Outcomes(harmed=2).posterior == 0.25
