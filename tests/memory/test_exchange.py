import gzip
import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings

from pilotage.memory.concept import ConceptDraft, Provenance
from pilotage.memory.embedders.embedder import EmbedderIdentity
from pilotage.memory.errors import MalformedImport
from pilotage.memory.store import ConceptStore
from tests.memory.concepts import memories
from tests.memory.conftest import COST, GRID, SPELL
from tests.together import pool_of


def exported(store):
    out = io.StringIO()
    store.export(out)
    return out.getvalue()


def imported(store, text, **options):
    return store.import_(io.BytesIO(text.encode()), **options)


@pytest.fixture
def other(tmp_path):
    with ConceptStore.open(tmp_path / "other", embedder="hash") as store:
        yield store


@pytest.fixture
def lived_in(store):
    """A store with everything that happens to concepts."""
    first, second, third = store.add_many([COST, SPELL, GRID], provenance=Provenance(task_id="t1", model="m"))
    store.record_outcome([first, second], "recalled")
    store.record_outcome([first], "helped")
    store.add(COST)
    store.revise(second, {"cues": ["words to turn round"]})
    store.forget(third)
    store.add(ConceptDraft(kind="type", title="Grid", description="rows of colours"))
    return store


def test_an_export_imports_to_an_equal_store(lived_in, other):
    report = imported(other, exported(lived_in))
    assert (report.added, report.defects, report.conflicts) == (4, (), ())
    assert other.all(retired=True) == lived_in.all(retired=True)
    assert [h.concept.id for h in other.search("total cost of a purchase")] == [
        h.concept.id for h in lived_in.search("total cost of a purchase")
    ]
    assert exported(other).splitlines()[1:] == exported(lived_in).splitlines()[1:]


@settings(max_examples=12)
@given(memories)
def test_any_memory_survives_the_round_trip(memory):
    lines = "\n".join(concept.model_dump_json() for concept in memory)
    with ConceptStore.temporary() as one, ConceptStore.temporary() as two:
        if memory:  # a file with nothing in it is refused
            assert imported(one, lines, form="jsonl").added == len(memory)
        assert one.all(retired=True) == memory
        imported(two, exported(one))
        assert two.all(retired=True) == memory
        assert all(finding.ok for finding in two.doctor())


def test_importing_again_changes_nothing(lived_in):
    before, events = lived_in.all(retired=True), len(lived_in.events(None))
    report = imported(lived_in, exported(lived_in))
    assert (report.added, report.unchanged) == (0, 4)
    assert lived_in.all(retired=True) == before
    assert len(lived_in.events(None)) == events


def test_what_another_store_knows_already_is_counted_and_kept(lived_in, other):
    other.add_many([COST, GRID])
    known = other.all()
    report = imported(other, exported(lived_in))
    assert (report.added, report.duplicates, report.unchanged) == (2, 2, 0)
    assert other.all()[:2] == known


def test_a_conflict_is_named_and_what_is_stored_stays(lived_in, other):
    imported(other, exported(lived_in))
    id = other.all()[0].id
    other.revise(id, {"title": "Something else"})
    report = imported(other, exported(lived_in))
    assert [(one.where, one.id, one.title) for one in report.conflicts] == [("line 2", id, COST.title)]
    assert other.get(id).title == "Something else"


def test_an_import_is_undone_as_a_run_and_can_be_repeated(lived_in, other):
    text = exported(lived_in)
    imported(other, text, run="r1")
    other.undo_run("r1")
    assert other.all(retired=True) == []
    assert imported(other, text).added == 4
    assert other.all(retired=True) == lived_in.all(retired=True)
    assert all(finding.ok for finding in other.doctor())


def test_an_id_that_another_namespace_uses_is_replaced(folder, lived_in):
    with ConceptStore.open(folder, embedder="hash", namespace="tenant") as tenant:
        report = imported(tenant, exported(lived_in))
        assert (report.added, report.renamed) == (4, 4)
        assert {concept.namespace for concept in tenant.all(retired=True)} == {"tenant"}
        assert not {c.id for c in tenant.all(retired=True)} & {c.id for c in lived_in.all(retired=True)}


def test_the_same_concept_twice_in_a_file_is_one(other):
    line = json.dumps({"title": "Twice", "cues": ["a"]})
    report = imported(other, f"{line}\n\n{line}\n", form="jsonl")
    assert (report.added, report.duplicates) == (1, 1)


GOOD = json.dumps({"title": "Good", "cues": ["a"]})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{oops", "not valid JSON"),
        ('{"title": "a", "kind": "spell"}', "'kind'"),
        ('{"title": "a", "cues": ["' + "x" * 301 + '"]}', "'cues.0'"),
        ('{"title": "a", "id": "' + "x" * 41 + '", "namespace": "n"}', "'id'"),
        ('{"title": "a", "id": "1"}', "'namespace'"),
        ('{"title": "a\\u0000b"}', "NUL"),
        ('{"title": "a", "surprise": 1}', "'surprise'"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('"' + "x" * 2_000_000 + '"', "longer than 1 MB"),
        ('{"title": "a", "seen": ' + "9" * 5000 + "}", "more than 4,300 digits"),
        ('{"title": ' * 2000 + "1" + "}" * 2000, "nested too deeply"),
        ('{"title": "a", "description": NaN}', "the number NaN, which JSON does not know"),
        *(
            (json.dumps({"title": "a", "namespace": "n", "id": bad}), "'id'")
            for bad in ("a\nb", "a\x1b[31m", "../a", "a/b", "a\\b", "a b", ".", "-x", "a\u202eb", "a\n")
        ),
        (json.dumps({"title": "a", "namespace": "n", "id": "1", "replaced_by": "../x"}), "'replaced_by'"),
        (json.dumps({"title": "a", "namespace": "n", "id": "1", "outcomes": {"helped": 2**62}}), "'outcomes.helped'"),
        (json.dumps({"title": "a", "namespace": "n", "id": "1", "seen": 10**12}), "'seen'"),
    ],
)
def test_a_malformed_line_is_named_and_nothing_is_written(other, line, said):
    with pytest.raises(MalformedImport, match="line 2") as caught:
        imported(other, f"{GOOD}\n{line}\n{GOOD}\n", form="jsonl")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert other.all(retired=True) == []
    assert other.events() == []


def test_malformed_lines_can_be_skipped_and_are_reported(other):
    report = imported(other, f'{GOOD}\n{{oops\n{{"title": ""}}\n', form="jsonl", skip_bad=True)
    assert report.added == 1
    assert [defect.where for defect in report.defects] == ["line 2", "line 3"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no concept"),
        (b"\n\n", "holds no concept"),
        (b"{}", "holds no concept"),
        (b"[]", "holds no concept"),
        (b'{"concepts": {}}', "holds no concept"),
        (b'{"p1": {"name": {"Colour": "red"}}}', "holds no concept.*the last of"),
        (b"{oops\n", "not valid JSON"),
        (gzip.compress(b'{"title": "a"}', mtime=0), "is compressed .gzip.: unpack it with `gunzip`"),
        (b"PK\x03\x04 a zip file", "is compressed .zip."),
        (b'{"concepts": {"a": {"kind": ' + b"9" * 5000 + b"}}}", "more than 4,300 digits"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested too deeply"),
    ],
)
def test_a_file_from_which_nothing_is_read_is_an_error_of_one_sentence(other, data, said):
    with pytest.raises(MalformedImport, match=said) as caught:
        other.import_(io.BytesIO(data))
    assert "\n" not in str(caught.value) and other.events() == []


def test_lines_that_are_all_bad_are_an_error_also_where_bad_ones_are_skipped(other):
    with pytest.raises(MalformedImport, match="holds no concept.*line 2"):
        imported(other, "{oops\n[1]\n", form="jsonl", skip_bad=True)


def test_an_export_of_an_empty_memory_is_no_error(store, other):
    assert imported(other, exported(store)).added == 0


@pytest.mark.parametrize("lines", [f"{GOOD}\n", f"{GOOD}\n{{oops\n", f"{GOOD}\n\n{GOOD}"])
@pytest.mark.parametrize("name", ["memory.jsonl", "CONCEPTS.JSONL", "Notes.NdJson", "-"])
def test_lines_without_a_header_are_known_by_their_name_or_by_the_first_of_them(other, lines, name):
    stream = io.BytesIO(lines.encode())
    stream.name = name
    report = other.import_(stream, skip_bad=True)
    assert [concept.title for concept in other.all()] == ["Good"]
    assert [defect.where for defect in report.defects] == ["line 2"] * lines.count("oops")


@pytest.mark.parametrize(
    ("line", "said"),
    [('{"title": ""}', "string should have at least 1 character"), ("7", "is not a JSON object")],
)
def test_a_bad_line_says_once_what_became_of_the_import(other, line, said):
    with pytest.raises(MalformedImport, match=f"line 1: .*{said}; nothing was imported") as caught:
        imported(other, line, form="jsonl")
    assert "stored" not in str(caught.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("form", ["auto", "jsonl"])
def test_a_byte_order_mark_and_other_line_ends_change_nothing(lived_in, other, ending, form):
    data = b"\xef\xbb\xbf" + exported(lived_in).replace("\n", ending).encode()
    assert other.import_(io.BytesIO(data), form=form).added == 4
    assert other.all(retired=True) == lived_in.all(retired=True)


def test_an_id_that_comes_twice_with_other_content_is_a_conflict(other):
    lines = [json.dumps({"title": title, "cues": ["a"], "id": "x1", "namespace": "n"}) for title in ("One", "Two")]
    report = imported(other, "\n".join([*lines, lines[0]]) + "\n", form="jsonl")
    assert (report.added, report.unchanged) == (1, 1)
    assert [(conflict.where, conflict.title) for conflict in report.conflicts] == [("line 2", "Two")]


def test_bytes_that_are_not_text_are_named(other):
    with pytest.raises(MalformedImport, match="line 1: is not UTF-8"):
        other.import_(io.BytesIO(b'{"title": "\xff\xfe"}\n'), form="jsonl")


def test_a_file_that_was_cut_is_refused(lived_in, other):
    lines = exported(lived_in).splitlines(keepends=True)
    with pytest.raises(MalformedImport, match="ends after 2 concepts where its header says 4"):
        imported(other, "".join(lines[:3]))
    assert other.is_empty()


@pytest.mark.parametrize("newer", [{"pilotage_export": 2}, {"pilotage_export": 1, "concept_format": 9}])
def test_an_export_of_a_newer_version_is_refused(other, newer):
    with pytest.raises(MalformedImport, match="newer pilotage"):
        imported(other, json.dumps(newer) + "\n" + GOOD, skip_bad=True)


def test_an_export_file_appears_only_when_it_is_complete(lived_in, tmp_path, monkeypatch):
    target = tmp_path / "out.jsonl"
    target.write_text("before")
    monkeypatch.setattr("pilotage.memory.concept.Concept.model_dump_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        lived_in.export(target)
    assert target.read_text() == "before"
    assert list(tmp_path.glob(".out*")) == []


def test_a_writer_is_not_kept_waiting_while_an_import_embeds(folder, store):
    seen = []
    text = "\n".join(json.dumps({"title": f"Method number {i}"}) for i in range(600))

    def write(done, total):
        with ConceptStore.open(folder, embedder="hash", busy_seconds=0.1) as second:
            seen.append(second.add(ConceptDraft(title=f"Written meanwhile, at {done}")))

    report = imported(store, text, form="jsonl", on_progress=write)
    assert (report.added, len(seen)) == (600, 3)
    assert store.count() == 603


def test_progress_knows_the_total_from_the_header(lived_in, other):
    calls = []
    imported(other, exported(lived_in), on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(4, 4)]


class Constant:
    """An embedder that takes no time: the same vector for every text."""

    identity = EmbedderIdentity("constant", 4, "v1")
    similarity_floor = 0.0

    def embed(self, texts):
        return np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (len(texts), 1))

    def warm(self):
        pass


def test_a_large_import_and_export_stay_small_in_memory(folder, tmp_path):
    file = tmp_path / "large.jsonl"
    line = {"cues": ["word" * 62] * 4, "implementation": ["step" * 62] * 20}  # each word more takes its time
    file.write_text("".join(json.dumps({"title": f"Method {i}", **line}) + "\n" for i in range(1500)))
    assert file.stat().st_size > 9_000_000
    with ConceptStore.open(folder, embedder=Constant()) as store:
        tracemalloc.start()
        assert store.import_(file).added == 1500
        assert store.export(tmp_path / "back.jsonl") == 1500
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 9_000_000


def test_two_imports_of_one_file_at_once_make_one_memory(folder, lived_in, tmp_path):
    lived_in.export(tmp_path / "out.jsonl")
    with ConceptStore.open(tmp_path / "shared", embedder="hash") as store:
        store.is_empty()

    def work(_):
        with ConceptStore.open(tmp_path / "shared", embedder="hash") as store:
            return store.import_(tmp_path / "out.jsonl").added

    with pool_of(4) as pool:
        assert sorted(pool.map(work, range(4))) == [0, 0, 0, 4]
    with ConceptStore.open(tmp_path / "shared", embedder="hash") as store:
        assert store.all(retired=True) == lived_in.all(retired=True)


def test_a_memory_moves_to_postgresql_and_back(lived_in, postgres_url, other):
    with ConceptStore.open(postgres_url, embedder="hash") as moved:
        assert imported(moved, exported(lived_in)).added == 4
        assert imported(moved, exported(lived_in)).unchanged == 4
        assert moved.all(retired=True) == lived_in.all(retired=True)
        assert all(finding.ok for finding in moved.doctor()), moved.doctor()
        assert (moved.stats().concepts, moved.stats().vectors) == (3, 4)
        assert moved.find_id(moved.all()[0].id[:8]) == moved.all()[0].id
        assert [c.title for c in moved.browse(kind="type")] == ["Grid"]
        imported(other, exported(moved))
    assert other.all(retired=True) == lived_in.all(retired=True)
