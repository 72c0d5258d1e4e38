import pytest

from pilotage.memory.errors import MalformedImport
from pilotage.memory.formats.documents import load_document

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "unfolds to more than"),
        ("a: &a [*a]", "unfolds to more than"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("a: " + "[" * 100_000, "nested too deeply"),
        ("- " * 5000 + "x", "nested too deeply"),
        ('{"a": 1,, "b"}', "not valid JSON: line 1"),
        ("a: b: c", "neither valid JSON nor YAML: line 1"),
        ("!!python/object/apply:os.system ['true']", "neither valid JSON nor YAML"),
        ("x" * (33 << 20), "more than 32 MB"),
    ],
)
def test_a_hostile_or_broken_file_is_one_sentence(text, said):
    with pytest.raises(MalformedImport, match=said) as caught:
        load_document(text.encode(), "it")
    assert "\n" not in str(caught.value)


def test_yaml_scalars_stay_as_they_were_written():
    assert load_document(b"id: 00576224\nwhen: 2024-01-01\nyes: on\nnone: null\nempty:\n", "it") == {
        "id": "00576224",
        "when": "2024-01-01",
        "yes": "on",
        "none": None,
        "empty": None,
    }


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(MalformedImport, match="not UTF-8 text"):
        load_document(b"\xff\xfe\x00", "it")


@pytest.mark.parametrize("name", ["it.yaml", "IT.YAML", "it.yml"])
def test_yaml_in_flow_style_is_read_too(name):
    assert load_document(b"{name: turn, cues: [a, b]}", name) == {"name": "turn", "cues": ["a", "b"]}
