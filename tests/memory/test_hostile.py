"""What nobody should hand to a memory, and what it says then: one typed sentence, or what was meant."""

import io
import json

import pytest
from langgraph.store.base import PutOp
from sqlalchemy import text, update

from pilotage.memory import ConceptStore
from pilotage.memory.adapters.langgraph.store import PilotageStore
from pilotage.memory.concept import ConceptDraft
from pilotage.memory.embedders.embedder import HashEmbedder
from pilotage.memory.errors import (
    EmbedderError,
    IndexFull,
    IndexUnreachable,
    InvalidArgument,
    InvalidConcept,
    InvalidItem,
    LedgerReadOnly,
    MalformedImport,
    StoreClosed,
    UnknownConcept,
    UnknownEvent,
    UnreadableRow,
)
from pilotage.memory.ledger.schema import concepts
from pilotage.memory.search.chroma_embedded import _readable
from tests.memory.conftest import COST, GRID, SPELL

HUGE = 10**30


def document(data, name="memory.json"):
    stream = io.BytesIO(data if isinstance(data, bytes) else json.dumps(data).encode())
    stream.name = name
    return stream


@pytest.mark.parametrize(
    ("data", "titles"),
    [
        ({"solutions": {"a": None, "b": {"summary": "Sum it up", "solution": "print(1)"}}}, {"Sum it up"}),
        ({"solutions": {"p": {"solution": "x = 1"}, "q": "print(2)"}}, {"Solution of p", "Solution of q"}),
        (
            {"memory": {"concepts": {"n": {"description": "hm"}}, "solutions": {"z": {"summary": "Do z"}}}},
            {"n", "Do z"},
        ),
    ],
)
def test_solutions_are_read_without_concepts_beside_a_null_as_programs_and_wrapped(store, data, titles):
    report = store.import_(document(data))
    assert {concept.title for concept in store.all()} == titles and report.added == len(titles)


@pytest.mark.parametrize(
    "data",
    [
        b'{"concepts":{"n":{"description":"one"},"n":{"description":"two"}}}',
        b"concepts:\n  n: {description: one}\n  n: {description: two}\n",
    ],
)
def test_a_key_that_stands_twice_is_a_defect_with_its_name(store, data):
    report = store.import_(document(data, "memory.yaml"))
    assert [defect.where for defect in report.defects if "twice" in defect.what] == ["n"]


def test_a_line_with_a_field_twice_is_refused_with_its_name(store):
    lines = b'{"title": "a", "title": "b"}\n{"title": "c"}\n'
    with pytest.raises(MalformedImport, match="field 'title' twice"):
        store.import_(document(lines, "memory.jsonl"))
    assert store.import_(document(lines, "memory.jsonl"), skip_bad=True).added == 1


def test_huge_numbers_ask_for_all_there_is_and_harm_no_index(store, caplog):
    ids = {store.add(COST), store.add(GRID)}
    assert {hit.concept.id for hit in store.search("what do they pay", HUGE)} == ids
    assert store.recall("what do they pay", HUGE, floor=-1.0).hits
    assert len(store.browse(limit=HUGE)) == 2 and store.browse(offset=HUGE) == []
    assert len(store.events(HUGE)) == 2 and len(store.at(HUGE)) == 2
    with pytest.raises(UnknownEvent):
        store.undo(HUGE)
    items = PilotageStore(store)
    items.put(("a",), "k", {"x": 1})
    for query in (None, "x"):
        assert len(items.search(("a",), query=query, limit=HUGE)) == 1
        assert items.search(("a",), query=query, limit=HUGE, offset=HUGE) == []
        assert items.search(("concepts",), query=query, offset=HUGE) == []
    assert "built anew" not in caplog.text


def test_a_lack_of_descriptors_is_not_taken_for_a_damaged_index(tmp_path):
    (tmp_path / "chroma.sqlite3").touch()
    with pytest.raises(IndexFull), _readable(tmp_path):
        raise RuntimeError("error returned from database: (code: 14) unable to open database file")
    with pytest.raises(OverflowError), _readable(tmp_path):
        raise OverflowError


def test_an_unreadable_row_is_one_sentence_that_names_it(store):
    good, bad = store.add(COST), store.add(GRID)
    with store._ledger.write() as connection:
        connection.execute(update(concepts).where(concepts.c.id == bad).values(body=f'{{"id":"{bad}","title":5}}'))
    for look in (store.all, store.browse, lambda: store.search(GRID.title), lambda: store.get(bad)):
        with pytest.raises(UnreadableRow, match=f"{bad}.*memory doctor"):
            look()
    assert store.get(good).title == COST.title
    assert not next(one for one in store.doctor() if one.what == "concepts").ok


@pytest.mark.parametrize(
    "data",
    [
        {"title": "a", "parameters": [{"name": "x\0"}]},
        {"title": "a", "parameters": [{"name": "x", "description": "\0"}]},
        {"title": "\u200b"},
        {"title": "\u200b \u2060"},
    ],
)
def test_a_null_character_anywhere_and_a_title_that_nobody_sees_are_refused(data):
    with pytest.raises(InvalidConcept):
        ConceptDraft.parse(data)


@pytest.mark.parametrize("more", [(None, "5"), (True,), ("v",), ([5],)])
def test_wrong_kinds_of_a_put_are_typed_errors(store, more):
    with pytest.raises(InvalidItem):
        PilotageStore(store).batch([PutOp(("a",), "k", {"x": 1}, *more)])


def test_a_filter_that_is_no_object_is_a_typed_error(store):
    with pytest.raises(InvalidItem, match="filter"):
        PilotageStore(store).search(("a",), filter=[1])


def test_half_a_character_is_no_key_of_a_concept_and_no_error(store):
    assert PilotageStore(store).get(("concepts", "default"), "\ud83d") is None


def test_the_key_of_a_merged_concept_shows_what_it_was_merged_into(store):
    items = PilotageStore(store)
    path = ("concepts", "default")
    items.put(path, "mine", COST.model_dump(mode="json"))
    (gone,) = [concept.id for concept in store.all()]
    keep = store.add(GRID)
    store.merge(keep, [gone])
    assert items.get(path, "mine").value["id"] == keep


def test_a_closed_store_says_so_whatever_is_asked():
    store = ConceptStore.temporary()
    store.close()
    for ask in (lambda: store.record_outcome([], "helped"), lambda: store.recall("x", 0), lambda: store.search("x")):
        with pytest.raises(StoreClosed):
            ask()


def test_an_unreadable_row_hinders_nothing_that_is_not_about_it(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        good, kind = store.add(COST), store.add(ConceptDraft(kind="type", title="Money", description="cents"))
        bad, type = store.add(GRID), store.add(ConceptDraft(kind="type", title="Coin", description="one piece"))
        with store._ledger.write() as connection:
            connection.execute(update(concepts).where(concepts.c.id.in_([bad, type])).values(body="{"))
            connection.execute(text("DROP TABLE concept_words"))
    with ConceptStore.open(folder, embedder="hash") as store:
        assert store.add(COST.model_copy(update={"title": f"{COST.title}."})) == good
        added = store.add(SPELL)
        assert store.titles([good, bad, added, "nobody"]) == {good: COST.title, added: SPELL.title}
        assert [event.action for event in store.history(bad)] == ["added"]
        typed = COST.model_copy(update={"output_typing": "Money or Coin"})
        assert [one.id for one in store.types_of([typed])] == [kind]
        store.undo(store.history(added)[-1].seq)
        store.forget(good)


def test_the_texts_of_an_earlier_form_are_dropped(store):
    store.add(COST)
    with store._ledger.write() as connection:
        connection.execute(text("CREATE TABLE concept_texts_1 (concept_id TEXT)"))
    store.add(SPELL)
    with store._ledger.read() as connection:
        assert not connection.dialect.has_table(connection, "concept_texts_1")
        assert connection.dialect.has_table(connection, "concept_texts_2")


@pytest.mark.parametrize("changes", [{}, {"title": "Another"}])
def test_no_revision_gives_a_status_that_there_is_not(store, changes):
    id = store.add(COST)
    with pytest.raises(InvalidConcept, match="'status'.*nothing was changed"):
        store.revise(id, changes, status="verified")
    assert store.get(id).draft == COST and len(store.events()) == 1 and store.all()


def test_bad_arguments_are_typed_errors_and_write_nothing(store, tmp_path):
    id = store.add(COST)
    (tmp_path / "m.jsonl").write_text('{"title": "a"}\n')
    for error, match, act in (
        (InvalidArgument, "actor is None", lambda: store.add(GRID, actor=None)),
        (InvalidArgument, "run is 5", lambda: store.forget(id, run=5)),
        (TypeError, "'by': actor, cause and run tell", lambda: store.add(GRID, by="me")),
        (InvalidArgument, "'yesterday' is no moment", lambda: store.at("yesterday")),
        (InvalidArgument, "unknown form 'bogus'", lambda: store.import_(tmp_path / "m.jsonl", form="bogus")),
        (InvalidArgument, "unknown form 'bogus'", lambda: store.export(tmp_path / "x", form="bogus")),
        (InvalidConcept, "not text", lambda: store.add("x")),
        (InvalidConcept, "at most 120", lambda: store.add(store.get(id).model_copy(update={"title": "z" * 1000}))),
        (InvalidConcept, "'kind'", lambda: store.add(GRID.model_copy(update={"kind": "spell"}))),
        (UnknownConcept, "no concept '5'", lambda: store.get(5)),
    ):
        with pytest.raises(error, match=match):
            act()
    assert len(store.events()) == 1 and not (tmp_path / "x").exists()


@pytest.mark.parametrize("address", ["http://[::1", "http://h:abc", "http://a b", "localhost:1", "ftp://h", "http://"])
def test_what_is_no_address_is_a_sentence(folder, address):
    with pytest.raises(EmbedderError, match="is no address of a server of embeddings"):
        ConceptStore.open(folder, embedder=f"openai:m@{address}")
    with pytest.raises(IndexUnreachable, match="is no address of a Chroma server"):
        ConceptStore.open(folder, embedder="hash", index=address)


class Counting(HashEmbedder):
    """Tells how many texts it embedded."""

    def __init__(self):
        super().__init__()
        self.texts = 0

    def embed(self, texts):
        self.texts += len(texts)
        return super().embed(texts)


def test_nothing_is_embedded_for_a_memory_that_cannot_be_written(folder, tmp_path):
    with ConceptStore.open(folder, embedder="hash") as store:
        id, other = store.add_many([COST, SPELL])
    (tmp_path / "m.jsonl").write_text('{"title": "a"}\n')
    embedder = Counting()
    url = f"sqlite:///file:{folder / 'ledger.sqlite'}?mode=ro&uri=true"
    with ConceptStore.open(url, embedder=embedder) as store:
        for act in (
            lambda: store.add_many([GRID]),
            lambda: store.import_(tmp_path / "m.jsonl"),
            lambda: store.revise(id, {"title": "b"}),
            lambda: store.merge(id, [other]),
            lambda: store.reindex(HashEmbedder(64)),
            lambda: PilotageStore(store).put(("a",), "k", {"text": "x"}),
        ):
            with pytest.raises(LedgerReadOnly, match="cannot be written"):
                act()
        assert embedder.texts == 0 and store.count() == 2
