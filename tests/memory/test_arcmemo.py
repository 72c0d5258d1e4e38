import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.memory.formats.arcmemo import ArcMemoReader
from pilotage.memory.formats.documents import load_document

FILES = Path(__file__).parent / "arcmemo"


def read(name):
    reader = ArcMemoReader()
    entries = list(reader.read(load_document((FILES / name).read_bytes(), name)))
    return {entry.draft.title: entry for entry in entries}, [str(defect) for defect in reader.defects]


def test_a_program_synthesis_store_is_read_whole():
    found, defects = read("store.json")
    assert defects == []
    mirror = found["mirror across an axis"]
    assert (mirror.draft.kind, mirror.draft.subtype, mirror.draft.output_typing) == (
        "routine",
        "grid manipulation",
        "Grid",
    )
    assert [(one.name, one.typing) for one in mirror.draft.parameters] == [("grid", "Grid"), ("axis", "Axis")]
    assert mirror.provenance.used_in == ("a1b2c3d4", "00576224")
    assert found["framed region"].draft.kind == "structure"
    solution = found["mirrors the framed part of the grid"]
    assert solution.draft.implementation == ("find the frame", "for each row inside:", "    reverse it")
    assert solution.provenance.task_id == "a1b2c3d4"


def test_types_are_concepts_also_where_a_typing_defines_them():
    found, _ = read("store.json")
    kinds = {title: entry.draft.description for title, entry in found.items() if entry.draft.kind == "type"}
    assert kinds == {"Grid": "a list of rows of colours, each 0 to 9", "Axis": "'row' or 'column'"}


def test_lessons_keep_their_puzzle_situation_and_suggestion():
    found, defects = read("lessons.json")
    assert (len(found), defects) == (3, [])
    lesson = found["a shape changes its place only"]
    assert lesson.draft.kind == "lesson"
    assert lesson.draft.implementation == ("measure the move in the first example",)
    assert lesson.provenance.task_id == "25ff71a9"


def test_annotations_in_yaml_keep_puzzle_ids_that_look_like_numbers():
    found, defects = read("annotations.yaml")
    assert defects == []
    assert found["tile a pattern"].provenance.used_in == ("00576224",)
    assert found["repeats a small pattern over a larger grid"].draft.subtype == "solution"
    assert found["colour by size"].draft.implementation == ("objects of one size share a colour",)


def test_a_list_may_mix_concepts_and_lessons():
    found, defects = read("list.yaml")
    assert [entry.draft.kind for entry in found.values()] == ["routine", "lesson"]
    assert defects == ["[2]: is str 'just text' where an object was expected: left out"]


@pytest.mark.parametrize(
    ("title", "field", "value"),
    [
        ("null lists", "description", "still here"),
        ("dict entries", "cues", ("if: the grid is square; then: turn it", "plain", "7", "nested; list")),
        ("dict entries", "implementation", ("step 1: turn", "step 2: stop")),
        ("output for output_typing", "output_typing", "Grid"),
        ("output is an object", "output_typing", "Grid"),
        ("unknown kind", "kind", "routine"),
        ("a lone cue", "cues", ("one text where a list was due",)),
        ("named by what it says", "description", "named by what it says"),
        ("Solution of s2", "implementation", ("def transform(grid):", "    return grid")),
        ("no situation", "implementation", ("no situation",)),
    ],
)
def test_what_can_be_read_of_a_defective_file_is_read(title, field, value):
    found, _ = read("defects.json")
    assert getattr(found[title].draft, field) == value


@pytest.mark.parametrize(
    "defect",
    [
        "concepts.null lists: cues is null: read as an empty list",
        "concepts.null lists: parameters is null: read as an empty list",
        "concepts.dict entries: cues[0] is an object: read as text",
        "concepts.dict entries: cues[2] is a number: read as text",
        "concepts.dict entries: cues[3] is null: left out",
        "concepts.dict entries: parameters[2] has no name: called p3",
        "concepts.output for output_typing: 'output' is read as 'output_typing'",
        "concepts.unknown kind: has the unknown kind 'spell': read as a routine",
        "concepts.text: is str 'not an object' where an object was expected: left out",
        "concepts.nothing: is null where an object was expected: left out",
        "concepts.surprise: the field 'difficulty' is not known: left out",
        "concepts.: has neither a name nor a description: left out",
        "solutions.s1: has no summary, pseudocode or program: left out",
        "custom_types.Empty: has no definition: left out",
        "p1[0]: has no suggestion: left out",
        "version: is not a part of a memory: left out",
    ],
)
def test_every_defect_is_named(defect):
    assert defect in read("defects.json")[1]


def test_what_is_too_long_is_cut_or_split_and_said():
    found, defects = read("oversized.json")
    (entry,) = found.values()
    assert len(entry.draft.title) <= 120 and entry.draft.title.endswith(" ...")
    assert len(entry.draft.description) <= 1000
    assert "".join(entry.draft.cues).replace(" ", "") == ("many words of one long cue that goes on " * 20).replace(
        " ", ""
    )
    assert len(entry.draft.implementation) == 60 and entry.draft.implementation[0].startswith("    step 0")
    for part in ("name has 299", "description has 2,999", "parameters has 20", "implementation has 80", "typing of p0"):
        assert any(part in defect for defect in defects), part


KIND = {"Kind": "Structure", "Output Typing": "Grid", "Cues": ["two colours"], "Parameters": [{"Name": "grid"}]}


@pytest.mark.parametrize(
    "document",
    [
        {"p1": {"checkerboard": KIND, "spiral": {**KIND, "Description": "inwards"}}, "p2": {"mirror": KIND}},
        {"p1": {"checkerboard": [KIND | {"Name": "checkerboard"}], "spiral": KIND, "mirror": KIND}},
        {"concepts": {"shapes": {"checkerboard": KIND, "spiral": KIND}, "mirror": KIND}},
        {"checkerboard": KIND, "spiral": KIND, "mirror": KIND},
        [KIND | {"Concept": name} for name in ("checkerboard", "spiral", "mirror")],
    ],
)
def test_concepts_are_read_by_puzzle_and_name_and_however_their_fields_are_spelled(document):
    reader = ArcMemoReader()
    found = {entry.draft.title: entry for entry in reader.read(document)}
    assert sorted(found) == ["checkerboard", "mirror", "spiral"]
    for entry in found.values():
        assert (entry.draft.kind, entry.draft.output_typing, entry.draft.cues) == (
            "structure",
            "Grid",
            ("two colours",),
        )
        assert [parameter.name for parameter in entry.draft.parameters] == ["grid"]
    if isinstance(document, dict) and "p2" in document:
        assert found["mirror"].provenance.used_in == ("p2",) and found["spiral"].provenance.task_id == "p1"
    assert reader.defects == []


def test_a_concept_that_says_nothing_but_its_name_is_left_out_and_named():
    reader = ArcMemoReader()
    document = {"p1": {"empty": {"kind": "routine"}, "blank": {}, "unknown": {"colour": "red", "size": 3}}}
    assert list(reader.read(document)) == []
    said = [str(defect) for defect in reader.defects]
    assert [line for line in said if "says nothing but its name" in line or "neither" in line]
    assert any(line.startswith("p1.empty: says nothing but its name: left out") for line in said)


def test_groups_within_groups_end_somewhere():
    document = {"name": "x", "cues": ["a"]}
    for _ in range(400):
        document = {"g": document}
    reader = ArcMemoReader()
    assert list(reader.read(document)) == [] and reader.defects


_keys = st.sampled_from(
    "concepts solutions custom_types lessons name concept kind cues implementation parameters output description "
    "situation suggestion summary pseudocode used_in typing p1".split()
) | st.text(max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=30,
)


@settings(max_examples=300)
@given(_json)
def test_no_document_whatsoever_makes_the_reader_fail(document):
    reader = ArcMemoReader()
    for entry in reader.read(document):
        assert entry.draft.title
    assert all(str(defect) for defect in reader.defects)


def test_a_store_goes_out_as_arcmemo_wrote_it(store):
    store.import_(FILES / "store.json")
    out = io.StringIO()
    assert store.export(out, form="arcmemo") == 5
    there, back = json.loads((FILES / "store.json").read_text()), json.loads(out.getvalue())
    there["concepts"]["mirror across an axis"]["parameters"][1]["typing"] = "Axis"
    there["custom_types"]["Axis"] = "'row' or 'column'"
    there["solutions"]["a1b2c3d4"]["solution"] = None  # its program is not kept where there is pseudocode
    assert back == there


def test_importing_an_arcmemo_file_twice_adds_nothing(store):
    assert store.import_(FILES / "lessons.json").added == 3
    assert store.import_(FILES / "lessons.json").duplicates == 3
    assert store.search("the output is smaller")[0].concept.provenance.task_id == "a1b2c3d4"


def test_an_exported_lesson_is_read_again(store, tmp_path):
    store.import_(FILES / "lessons.json")
    store.export(tmp_path / "out.json", form="arcmemo")
    assert store.import_(tmp_path / "out.json").duplicates == 3


def test_half_a_character_in_a_name_is_replaced():
    lesson = {"situation": "s \ud800", "suggestion": "try \udfff"}
    document = load_document(json.dumps({"puzzle \ud800": [lesson]}).encode(), "lessons.json")
    (entry,) = ArcMemoReader().read(document)
    assert entry.provenance.used_in == ("puzzle \ufffd",)
    assert entry.draft.model_dump_json().encode()
