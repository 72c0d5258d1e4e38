"""Sameness is a matter of the words, their order and their polarity: what differs in one of them is kept apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.memory.concept import ConceptDraft, Parameter
from pilotage.memory.embedders.embedder import EmbedderIdentity, HashEmbedder
from pilotage.memory.learning.reconcile import compare, reconcile
from pilotage.memory.search.recall import Hit
from pilotage.memory.store import ConceptStore
from pilotage.memory.text.programs import is_program, same_method
from pilotage.memory.text.same_text import canonical, distinct, says_the_same
from tests.memory.conftest import COST
from tests.together import pool_of

APART = [
    ("Convert miles to kilometres", "Convert kilometres to miles"),
    ("Round a price up to whole cents", "Round a price down to whole cents"),
    ("Sort the rows in ascending order", "Sort the rows in descending order"),
    ("Take the maximum of each row", "Take the minimum of each row"),
    ("Count the words that are in the list", "Count the words that are not in the list"),
    ("Subtract the cost from the price", "Subtract the price from the cost"),
    ("Divide by 12", "Divide by 13"),
    ("Heat to 180 C", "Heat to 180 F"),
    ("Convert mW to W", "Convert MW to W"),
    ("Convert Mb to MB", "Convert MB to Mb"),
    ("Raise by -5 degrees", "Raise by 5 degrees"),
    ("Add 1,5 and 2", "Add 1, 5 and 2"),
    ("Rows where a < b", "Rows where a > b"),
    ("Compute n!", "Compute n"),
    ("Find the powers x²", "Find the powers x2"),
    ("Use C++ here", "Use C# here"),
    ("计算矩形的面积", "计算圆形的面积"),
    ("把公里换算成英里", "把英里换算成公里"),
    ("หาค่ามากที่สุด", "หาค่าน้อยที่สุด"),
    ("Vote 👍 when it fits", "Vote 👎 when it fits"),
    ("👨‍👩‍👧 first", "👨‍👩‍👦 first"),
    (f"{'move on ' * 12}left", f"{'move on ' * 12}right"),
    ("replace . by ,", "replace , by ."),
    ("Replace , with ;", "Replace ; with ,"),
    ("split at :", "split at ;"),
    ("split at :", "split at ,"),
    ("cd ..", "cd ."),
    ("cd ..", "cd"),
    ("git add .", "git add"),
    ("ratio 3 : 2", "ratio 3 2"),
    ("no, stop", "no stop"),
    ("1 .. 5", "1 5"),
    ("nn! y", "nn y"),
    ("Give 5 mg", "Give 5 Mg"),
    ("1 mm", "1 Mm"),
    ("Mm to km", "mm to km"),
    ("US citizens", "us citizens"),
    ("PET", "pet"),
    ("cd Foo", "cd foo"),
    ("tar --Exclude", "tar --exclude"),
    ("SELECT Name", "select name"),
    ("A - a", "a - a"),
    ("Name = 1; x", "name = 1; x"),
    ("Divide by 1.", "Divide by 1"),
    ("Round nn!", "Round nn"),
    ("Is it x", "Is it x?"),
    ("Total cost of a purchase", "TOTAL COST OF A PURCHASE"),
    ("先排序，再求和", "先排序再求和"),
]
ALIKE = [
    ("Total cost of a purchase", "total cost of a purchase."),
    ("First, sort the rows", "first, sort the rows."),
    ("先排序，再求和。", "先排序，再求和"),
    ("The cafe\u0301 prices", "the café prices"),
]


class Blind(HashEmbedder):
    """An embedder that sees nothing: for it, any two texts are one."""

    identity = EmbedderIdentity("blind", 4, "v1")

    def embed(self, texts):
        made = super().embed(texts)[:, :4] * 0
        made[:, 0] = 1.0
        return made


@pytest.fixture
def blind(folder):
    with ConceptStore.open(folder, embedder=Blind()) as store:
        yield store


@pytest.mark.parametrize(("one", "other"), APART)
async def test_different_texts_are_two_concepts_even_to_an_embedder_that_takes_them_for_one(blind, one, other):
    first = blind.add(ConceptDraft(title=one))
    second = await reconcile(blind, ConceptDraft(title=other))
    assert blind.count() == 2
    assert second.verdict == "new" and second.id != first
    assert blind.add_many([ConceptDraft(title=one), ConceptDraft(title=other)]) == [first, second.id]


@pytest.mark.parametrize(("one", "other"), ALIKE)
async def test_a_first_capital_and_a_full_stop_make_no_second_concept_and_the_dropped_text_is_told(blind, one, other):
    first = blind.add(ConceptDraft(title=one))
    again = ConceptDraft(title=other)
    (told,) = blind.propose([again])
    assert (told.id, told.outcome, told.draft) == (first, "same text", again)
    assert (await reconcile(blind, again)).verdict == "duplicate"
    assert blind.count() == 1 and blind.get(first).seen == 3
    assert blind.history(first)[-1].body["draft"]["title"] == again.title
    assert blind.add(again, allow_duplicate=True) != first
    assert blind.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "lesson"},
        {"description": "What they pay."},
        {"description": "What they do not pay."},
        {"parameters": (Parameter(name="price"),)},
        {"parameters": (Parameter(name="price", typing="int"),)},
        {"output_typing": "int"},
        {"subtype": "shopping"},
        {"pitfall": True},
        {"cues": (*COST.cues, "one more")},
        {"implementation": ("total = price / quantity", "print(total)")},
        {"implementation": ("total = quantity * price", "print(total)")},
        {"implementation": ("total = price * quantity  # without tax", "print(total)")},
        {"implementation": ("Total = price * quantity", "print(Total)")},
        {"implementation": COST.implementation[:1]},
        {"implementation": ()},
        {"implementation": ("multiply, then print",)},
    ],
)
def test_what_differs_in_any_field_is_kept(blind, change):
    one, other = blind.add_many([COST, COST.model_copy(update=change)])
    assert one != other


def test_blanks_in_a_program_tell_nothing_and_its_indent_does():
    loop = ("for x in y:", "    total += x", "    print(total)")
    program = COST.model_copy(update={"implementation": loop})
    same = COST.model_copy(update={"implementation": ("for x in y:", "  total+=x", "  print( total )")})
    after = COST.model_copy(update={"implementation": (*loop[:2], "print(total)")})
    assert says_the_same(program, same) and not says_the_same(program, after)


def test_blanks_between_words_tell_nothing_and_those_of_an_indent_or_a_quotation_do():
    def steps(*lines):
        return COST.model_copy(update={"implementation": lines})

    assert says_the_same(steps("sort  the rows"), steps("sort the rows"))
    assert not says_the_same(steps("replace '  ' by ' '"), steps("replace ' ' by ' '"))
    loop = ("for each row:", "  sort the row", "  print it")
    assert not says_the_same(steps(*loop), steps(*loop[:2], "print it"))


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (("total = price * n", "print(total)"), ("pay = wage * hours", "print(pay)"), True),
        (("ratio = width / height",), ("ratio = height / width",), False),
        (("print(high - low)",), ("print(low - high)",), False),
        (("x = round_up(price)",), ("x = round_down(price)",), False),
        (("from math import ceil", "x = ceil(y)"), ("from math import floor", "x = floor(y)"), False),
        (("Multiply",), ("Divide",), False),
        (("round-up",), ("round-down",), False),
        (("sort ascending",), ("sort descending",), False),
        ((), (), False),
    ],
)
def test_a_program_is_the_same_method_only_under_names_that_the_other_does_not_use(mine, theirs, same):
    one, other = (COST.model_copy(update={"implementation": lines}) for lines in (mine, theirs))
    assert same_method(one, other) is same is same_method(other, one)


async def test_opposite_programs_under_near_titles_are_left_to_a_writer():
    asked = []

    async def writer(request):
        asked.append(request)
        return '{"verdict": "contradicts", "note": 1}'

    with ConceptStore.temporary() as store:
        up = ConceptDraft(title="Round up", implementation=("print(high - low)",))
        store.add(up)
        hit = Hit(store.all()[0], 0.99, 1.0)
    down = up.model_copy(update={"title": "Round down", "implementation": ("print(low - high)",)})
    assert (await compare(down, [hit], writer)).verdict == "contradicts" and len(asked) == 1


def test_a_word_is_no_program():
    assert not any(map(is_program, [("Multiply",), ("round-up",), ("a, b",), ("",), ()]))
    assert is_program(("x = 1",)) and is_program(("print(x)",))


@given(st.text(max_size=60))
def test_the_canonical_form_is_its_own(text):
    assert canonical(canonical(text)) == canonical(text)
    assert canonical(f"{text} \n") == canonical(text)
    assert canonical(f"  x{text}") != canonical(f"x{text}")


def test_distinct_keeps_the_first_of_each_and_every_opposite():
    lines = ("Scan left to right", "Scan right to left", "scan left to right.", "", "A number of two digits")
    assert distinct(lines) == ("Scan left to right", "Scan right to left", "A number of two digits")


def test_what_is_retired_revised_or_another_tenants_is_no_duplicate(store, folder):
    titles = ["Count the vowels of a word", "Rotate a matrix by a quarter turn", "Sum the prices of all goods"]
    kept, retired, revised = store.add_many(ConceptDraft(title=title) for title in titles)
    store.forget(retired)
    store.revise(revised, {"title": "Colour the regions of a map"})
    with ConceptStore.open(folder, embedder="hash", namespace="theirs") as theirs:
        theirs.add(ConceptDraft(title="Find the shortest way through a maze"))
    asked = [*titles, "Colour the regions of a map", "Find the shortest way through a maze"]
    told = store.propose(ConceptDraft(title=f"{title}.") for title in asked)
    assert [(one.id if one.outcome == "same text" else None) for one in told] == [kept, None, None, revised, None]


def test_of_a_chain_of_repeats_all_go_to_the_first(store):
    titles = ["Count vowels", "Rotate a matrix", "Count vowels.", "count vowels", "Rotate a matrix"]
    told = store.propose(ConceptDraft(title=title) for title in titles)
    assert [one.outcome for one in told] == ["added", "added", "same text", "same text", "known"]
    assert len({one.id for one in told}) == 2 == store.count()
    assert store.propose([]) == store.add_many([]) == []


def test_what_another_way_brought_in_is_known_too(store, folder, tmp_path):
    first, _ = store.add_many([COST, ConceptDraft(title="Rotate a matrix")], run="r")
    store.export(tmp_path / "memory.jsonl")
    store.undo_run("r")
    assert store.propose([ConceptDraft(title="rotate a matrix.")])[0].outcome != "same text"
    with ConceptStore.open(tmp_path / "copy", embedder="hash") as copy:
        copy.import_(tmp_path / "memory.jsonl")
        assert copy.add(COST.model_copy(update={"title": COST.title + "."})) == first


def test_many_writers_at_once_add_each_text_once(folder):
    def add(spelling):
        with ConceptStore.open(folder, embedder="hash") as store:
            return store.add_many(ConceptDraft(title=f"Method for case {chr(97 + n)}x{spelling}") for n in range(20))

    with ConceptStore.open(folder, embedder="hash"), pool_of(4) as pool:
        ids = list(pool.map(add, ("", ".", "  ", ". ")))
    assert len({tuple(one) for one in ids}) == 1


def test_writes_need_no_vector_index(folder):
    with ConceptStore.open(folder, embedder="hash") as store:
        store.add_many(ConceptDraft(title=f"Method of {n}") for n in range(2100))
        assert store.add(ConceptDraft(title="method of 7")) == store.all()[7].id
        assert store._vectors._view is None
