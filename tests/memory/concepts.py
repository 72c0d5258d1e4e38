"""Any concept that a store may hold, for property tests."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from pilotage.memory.concept import Concept, Outcomes, Parameter, Provenance

_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)
_word = _text.filter(lambda text: any(mark.isprintable() and not mark.isspace() for mark in text))
_count = st.integers(0, 1000)
_ids = st.uuids().map(lambda id: id.hex[:16])

parameters = st.builds(Parameter, name=_word, typing=_text, description=_text)
provenances = st.builds(
    Provenance,
    task_id=_text,
    trace_id=_text,
    model=_text,
    verified_by=_text,
    used_in=st.lists(_text, max_size=3).map(tuple),
    created_at=st.datetimes(datetime(2000, 1, 1), timezones=st.just(UTC)),
)
outcomes = st.builds(Outcomes, **dict.fromkeys(Outcomes.model_fields, _count))
concepts = st.builds(
    Concept,
    id=_ids,
    namespace=st.just("default"),
    kind=st.sampled_from(("structure", "routine", "lesson", "type")),
    subtype=_text,
    title=_word,
    description=_text,
    parameters=st.lists(parameters, max_size=3).map(tuple),
    output_typing=_text,
    cues=st.lists(_text, max_size=3).map(tuple),
    implementation=st.lists(_text, max_size=3).map(tuple),
    keywords=st.lists(_word, max_size=3).map(tuple),
    pitfall=st.booleans(),
    status=st.sampled_from(("provisional", "trusted", "retired")),
    provenance=provenances,
    outcomes=outcomes,
    seen=st.integers(1, 1000),
    version=st.integers(1, 1000),
    replaced_by=st.one_of(st.just(""), _ids),
)
memories = st.lists(concepts, max_size=5, unique_by=(lambda concept: concept.id, lambda concept: concept.content_hash))
