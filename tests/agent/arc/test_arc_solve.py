"""`pilotage arc solve` and what comes of a run: passes, resuming, the score, submissions, refusals."""

import json

import pytest

from tests.agent.arc.made_up import record, write

FLIP = "```python\ndef transform(grid):\n    return grid[:, ::-1]\n```"
KEEP = "```python\ndef transform(grid):\n    return grid\n```"
FLIPPED = record((([[1, 2]], [[2, 1]]),), (([[4, 5]], [[5, 4]]),))
ODD = record((([[1, 2]], [[9, 9]]),), (([[4, 5]], [[9, 8]]),))
SOLVE = ("arc", "solve", "--split", "p.json", "--model", "scripted:s.json", "--out", "R")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.json", {"flip": FLIPPED, "odd": ODD})
    write(tmp_path / "s.json", {"rules": {"numpy array|corrected": FLIP, "": "```\n9 8\n```"}})
    return tmp_path


def lines(here, number=0):
    return [json.loads(line) for line in (here / "R" / f"pass-{number}.jsonl").read_text().splitlines()]


def test_a_run_is_scored_and_submitted(here, command_line):
    code, out, err = command_line(*SOLVE)
    assert code == 0 and "100.0%" in out and "2 of 2 tests solved" in out, out + err
    assert [line["verified"] for line in lines(here)] == [True, False]
    told = json.loads(command_line("arc", "score", "R", "--json").out)
    assert told["official"]["value"] == 1 and told["first_attempt"]["value"] == 0.5
    code, _, err = command_line("arc", "submit", "R", "--out", "sub.json", "--community", "y.yaml")
    assert code == 2 and "is for whole splits of arc1 and arc2" in err and not (here / "sub.json").exists()
    assert command_line("arc", "submit", "R", "--out", "sub.json").code == 0
    assert command_line("arc", "submit", "R", "--out", "h", "--harness").code == 0
    for submission in ("sub.json", "h"):
        assert json.loads(command_line("arc", "score", submission, "--split", "p.json", "--json").out)["scores"] == {
            "flip": 1, "odd": 1,
        }  # fmt: skip
    assert "attempt 2, 1x2, right" in command_line("arc", "show", "odd", "--split", "p.json", "--run", "R").out


def test_a_further_pass_is_for_what_no_program_has_solved(here, command_line):
    code, _, err = command_line(*SOLVE, "--retries", "1")
    assert code == 0 and "pass 2: 1 puzzle that no program has solved" in err
    assert [line["task_id"] for line in lines(here, 1)] == ["odd"] and lines(here, 1)[0]["seed"] == 1


def test_a_puzzle_as_json_has_what_a_run_did_with_it(here, command_line):
    assert command_line(*SOLVE, "--retries", "1").code == 0
    shown = ("arc", "show", "--split", "p.json", "--run", "R", "--json")
    flip, odd = (json.loads(command_line(*shown, id).out) for id in ("flip", "odd"))
    (only,) = flip["passes"]
    assert only["route"] == ["look", "program", "answer"] and only["verified"] and only["tokens"] > 0
    (program,) = only["programs"]
    assert "grid[:, ::-1]" in program["program"] and program["examples_passed"] == 1 and program["block"] == "program"
    assert len(odd["passes"]) == 2 and {one["examples_passed"] for one in odd["passes"][0]["programs"]} == {0}
    first, second = odd["tests"][0]["attempts"]
    assert (first["wrong_cells"], second["right"]) == (2, True)


def test_a_run_goes_on_where_it_was_torn(here, command_line):
    assert command_line(*SOLVE).code == 0
    file = here / "R" / "pass-0.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    told = json.loads(command_line("arc", "score", "R", "--json").out)
    assert told["missing"] == ["odd"] and told["official"]["value"] == 0.5, "a torn line is no result"
    code, _, err = command_line(*SOLVE, "--resume")
    assert code == 0 and file.read_bytes().startswith(whole[: whole.index(b"\n")]), err
    assert [line["task_id"] for line in lines(here)] == ["flip", "odd"]
    before = file.read_bytes()
    assert command_line(*SOLVE, "--resume").code == 0 and file.read_bytes() == before, "nothing is solved twice"


def test_a_split_without_outputs_is_solved_and_submitted_unscored(here, command_line):
    write(here / "p.json", {"flip": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], None),), hidden=True)})
    code, out, _ = command_line(*SOLVE)
    assert code == 0 and "1 puzzle attempted" in out and lines(here)[0]["score"] is None
    assert command_line("arc", "submit", "R", "--out", "sub.json").code == 0
    assert json.loads((here / "sub.json").read_text()) == {"flip": [{"attempt_1": [[5, 4]], "attempt_2": [[5, 4]]}]}
    assert "holds no outputs of flip" in command_line("arc", "score", "R").err


def test_a_malformed_puzzle_is_told_and_the_others_are_solved(here, command_line):
    write(here / "p.json", {"flip": FLIPPED, "ragged": record((([[1], [1, 2]], [[1]]),))})
    code, out, err = command_line(*SOLVE)
    assert code == 1 and "left out" in err and "ragged" in err and "1 puzzle attempted" in out


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ((), "holds a run already; add --resume"),
        (("--resume", "--encoding", "words"), "holds a run with another encoding"),
        (("--resume", "--split", "p.json;ids=odd"), "holds a run with another split"),
        (("--resume", "--policy", "fixed:program,answer"), "was made with policy 'arc', not 'fixed:program,answer'"),
        (("--resume", "--max-calls", "2"), "was made with max_calls"),
        (("--encoding", "word"), "no encoding 'word'"),
        (("--split", "nowhere"), "cannot be read"),
    ],
)
def test_a_run_of_other_settings_is_refused_in_a_sentence(here, command_line, more, why):
    assert command_line(*SOLVE).code == 0
    before = (here / "R" / "pass-0.jsonl").read_bytes()
    code, out, err = command_line(*SOLVE, *more)
    assert code == 2 and not out and why in err and (here / "R" / "pass-0.jsonl").read_bytes() == before


def test_puzzles_that_changed_since_are_not_scored(here, command_line):
    assert command_line(*SOLVE).code == 0
    write(here / "p.json", {"flip": ODD, "odd": ODD})
    assert "flip is another puzzle than when it was solved" in command_line("arc", "score", "R").err
    for damage in ("{}", "[", '{"format": 2}'):
        (here / "R" / "arc.json").write_text(damage)
        code, _, err = command_line("arc", "score", "R")
        assert code == 2 and err.count("\n") == 1
    assert "holds no run" in command_line("arc", "submit", "nowhere", "--out", "x").err


def test_runs_are_compared_puzzle_by_puzzle(here, command_line):
    assert command_line(*SOLVE).code == 0
    write(here / "s.json", {"rules": {"numpy array|corrected": KEEP, "": "```\n9 8\n```"}})
    assert command_line(*SOLVE[:-1], "S").code == 0
    code, out, _ = command_line("arc", "compare", "R", "S")
    assert code == 0 and "S against R: -50.0 points (-100.0 to +0.0), better on 0, worse on 1, p = 1.00" in out
    assert "R alone: flip" in out and "0 are solved by none" in out
    told = json.loads(command_line("arc", "compare", "R", "S", "--json").out)
    assert told["alone"] == {"R": ["flip"], "S": []} and told["runs"]["R"]["tokens"] > 0


def test_runs_over_other_puzzles_are_not_compared(here, command_line):
    assert command_line(*SOLVE).code == 0
    assert command_line(*SOLVE[:-1], "S", "--split", "p.json;ids=odd").code == 0
    assert "are runs over other puzzles" in command_line("arc", "compare", "R", "S").err
    assert "name two" in command_line("arc", "compare", "R").err


def test_a_memory_learns_from_what_passes_all_pairs_and_finds_it_for_like_puzzles(here, command_line, monkeypatch):
    monkeypatch.setenv("PILOTAGE_EMBEDDER", "hash")
    again = record((([[7, 1, 0]], [[0, 1, 7]]),), (([[2, 3, 4]], [[4, 3, 2]]),))
    write(here / "p.json", {"flip": FLIPPED, "odd": ODD, "again": again})
    assert command_line(*SOLVE, "--memory", "m", "--start-empty").code == 0
    flip, odd, like = lines(here)
    assert len(flip["learned"]) == 1 and odd["learned"] == [], "what is wrong on a pair teaches nothing"
    assert like["recalled"] == flip["learned"]
    told = json.loads(command_line("memory", "list", "--memory", "m", "--json").out)
    assert told[0]["provenance"]["verified_by"] == "worked examples"
    write(here / "q.json", {"renamed": FLIPPED, "odd": ODD, "new": record()})
    code, out, _ = command_line("arc", "check", "q.json", "--memory", "m")
    assert code == 1 and "renamed  was learned from" in out and "new  " not in out
    kept = json.dumps(told)
    assert "np.fliplr" not in kept and "grid[:, ::-1]" in kept and "4, 5" not in kept


def test_the_page_of_a_run_shows_each_puzzle_and_obeys_nothing_that_a_model_wrote(here, command_line):
    hostile = "```python\n# <script>alert(1)</script>\ndef transform(grid):\n    return grid[:, ::-1]\n```"
    write(here / "s.json", {"rules": {"numpy array|corrected": hostile, "": "```\n9 8\n```"}})
    assert command_line(*SOLVE, "--retries", "1").code == 0
    assert command_line("arc", "page", "R", "--out", "r.html").code == 0
    text = (here / "r.html").read_text()
    assert "&lt;script&gt;" in text and "<script" not in text and "http" not in text.replace("http://www.w3.org", "")
    assert "Officially 100.0%" in text and text.count("<svg") == 2 and "look → program → answer" in text
    assert "program (pass 2): 0% of the training pairs" in text


def test_the_page_of_a_run_that_cannot_be_scored(here, command_line):
    write(here / "p.json", {"flip": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], None),), hidden=True)})
    assert command_line(*SOLVE).code == 0 and command_line("arc", "page", "R", "--out", "r.html").code == 0
    assert "nothing is scored" in (here / "r.html").read_text()


def test_puzzles_are_not_solved_where_a_program_could_read_their_outputs(here, command_line):
    code, out, err = command_line(*SOLVE, "--sandbox", "subprocess")
    assert code == 2 and not out and "could read there what their tests become" in err and not (here / "R").exists()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--model", "scripted:nowhere.json"), "nowhere.json"),
        (("--policy", "rules"), "decompose"),
        (("--policy", "strategy:self-consistency;n=2"), "cannot solve puzzles"),
        (("--policy", "fixed:progam,answer"), "progam"),
    ],
)
def test_what_cannot_be_begun_leaves_nothing_behind(here, command_line, more, why):
    code, _, err = command_line(*SOLVE, *more)
    assert code == 2 and why in err and not (here / "R").exists()


def test_a_puzzle_is_solved_by_programs_alone(here, command_line):
    assert command_line(*SOLVE, "--policy", "fixed:reason,sample,answer", "--retries", "1").code == 0
    assert [line["task_id"] for line in lines(here, 1)] == ["flip", "odd"], "nothing that was written down is a program"


def test_a_reply_that_is_repeated_in_each_pass_is_one_reply(here, command_line):
    write(here / "s.json", {"rules": {"numpy array|corrected": KEEP, "": "```\n9 8\n```"}})
    assert command_line(*SOLVE, "--retries", "2").code == 0
    assert json.loads(command_line("arc", "score", "R", "--json").out)["scores"]["odd"] == 1
    first = json.loads((here / "R" / "pass-0.jsonl").read_text().splitlines()[1])["answer"]
    assert "attempt 2, 1x2, right" in command_line("arc", "show", "odd", "--split", "p.json", "--run", "R").out, first


def test_tests_in_another_order_are_another_puzzle(here, command_line):
    write(here / "p.json", {"two": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], [[5, 4]]), ([[6, 7]], [[7, 6]])))})
    assert command_line(*SOLVE).code == 0
    write(here / "p.json", {"two": record((([[1, 2]], [[2, 1]]),), (([[6, 7]], [[7, 6]]), ([[4, 5]], [[5, 4]])))})
    assert "two is another puzzle" in command_line("arc", "score", "R").err


def test_a_split_that_has_grown_changes_nothing_and_a_run_is_scored_from_anywhere(here, command_line, monkeypatch):
    assert command_line(*SOLVE).code == 0
    write(here / "p.json", {"flip": FLIPPED, "odd": ODD, "new": record()})
    monkeypatch.chdir("/")
    told = json.loads(command_line("arc", "score", here / "R", "--json").out)
    assert set(told["scores"]) == {"flip", "odd"} and told["official"]["value"] == 1


def test_files_of_others_beside_the_passes_are_left_alone(here, command_line):
    assert command_line(*SOLVE).code == 0
    before = command_line("arc", "score", "R", "--json").out
    (here / "R" / "pass-0-copy.jsonl").write_bytes((here / "R" / "pass-0.jsonl").read_bytes())
    assert command_line("arc", "score", "R", "--json").out == before
    (here / "R" / "arc.json").unlink()
    assert "holds results, and no arc.json" in command_line(*SOLVE).err


@pytest.mark.parametrize("line", ['{"task_id": "flip"}', '{"task_id": ["a"]}', "3", "{}"])
def test_a_damaged_line_is_one_sentence(here, command_line, line):
    assert command_line(*SOLVE).code == 0
    with (here / "R" / "pass-0.jsonl").open("a") as file:
        file.write(line + "\n")
    for command in (("score", "R"), ("submit", "R", "--out", "x.json"), ("page", "R", "--out", "x.html")):
        code, _, err = command_line("arc", *command)
        assert code == 2 and "line 3 is no result" in err and err.count("\n") == 1


def test_where_some_outputs_are_not_known_nothing_is_scored(here, command_line):
    write(here / "p.json", {"flip": FLIPPED, "hid": record((([[1, 2]], [[2, 1]]),), (([[4, 5]], None),), hidden=True)})
    code, out, _ = command_line(*SOLVE)
    assert code == 0 and "nothing is scored: 1 puzzle without known outputs" in out
    assert command_line("arc", "submit", "R", "--out", "sub.json").code == 0


def test_a_run_without_an_attempt_is_not_submitted(here, command_line):
    assert command_line(*SOLVE).code == 0
    (here / "R" / "pass-0.jsonl").write_text("")
    assert "there is nothing to submit" in command_line("arc", "submit", "R", "--out", "sub.json").err
    assert command_line("arc", "submit", "R", "--out", ".").code == 2


def test_a_memory_is_seeded_by_programs_that_are_right_on_their_pairs(here, command_line):
    programs = here / "programs"
    programs.mkdir()
    (programs / "flip.py").write_text("def transform(grid):\n    mirrored = grid[:, ::-1]\n    return mirrored\n")
    (programs / "odd.py").write_text("def transform(grid):\n    return grid\n")
    (programs / "elsewhere.py").write_text("def transform(grid):\n    return grid\n")
    seed = ("arc", "seed", "programs", "--split", "p.json", "--memory", "m", "--embedder", "hash", "--model")
    code, out, err = command_line(*seed, "scripted:s.json")
    assert code == 1 and "flip: 1 concept" in err and "wrong odd: It is right on 0 of 1 examples." in err
    assert "2 programs: 1 taught something, 1 wrong; 1 program of no puzzle of p.json" in out
    (concept,) = json.loads(command_line("memory", "list", "--memory", "m", "--json").out)
    assert concept["provenance"]["verified_by"] == "worked examples" and "mirrored = grid[:, ::-1]" in str(concept)
    assert "was learned from" in command_line("arc", "check", "p.json", "--memory", "m").out
    again = json.loads(command_line(*seed, "scripted:s.json", "--json").out)
    assert again["of_no_puzzle"] == ["elsewhere"] and len(again["seeded"]) == 2
    assert len(json.loads(command_line("memory", "list", "--memory", "m", "--json").out)) == 1, (
        "nothing is learned twice"
    )


def test_a_folder_without_programs_seeds_nothing(here, command_line):
    (here / "none").mkdir()
    seed = ("--split", "p.json", "--memory", "m", "--embedder", "hash", "--model", "scripted:s.json")
    assert "has no program: name them ID.py" in command_line("arc", "seed", "none", *seed).err
    (here / "none" / "flip.py").write_bytes(b"\xff")
    assert "is not utf-8 text" in command_line("arc", "seed", "none", *seed).err
    assert not (here / "m").exists()


@pytest.mark.parametrize("style", ["concepts", "lessons"])
def test_a_memory_is_used_in_one_of_two_styles(here, command_line, monkeypatch, style):
    monkeypatch.setenv("PILOTAGE_EMBEDDER", "hash")
    words = "The rule turns each row around, from its end to its start."
    lesson = {
        "title": "Reverse every row",
        "when": "Rows of the input come back reversed.",
        "steps": ["Reverse each row."],
    }
    script = {
        "fits: their": json.dumps({"fits": [1]}),
        "caption: one": json.dumps({"caption": "A puzzle in which rows are reversed."}),
        "title: name": json.dumps(lesson),
        "numpy array|corrected": f"{words}\n{FLIP}",
        "": "```\n9 8\n```",
    }
    write(here / "s.json", {"rules": script})
    again = record((([[7, 1, 0]], [[0, 1, 7]]),), (([[2, 3, 4]], [[4, 3, 2]]),))
    write(here / "p.json", {"flip": FLIPPED, "again": again})
    styled = ("--memory", "m", "--memory-style", style, "--start-empty")
    assert command_line(*SOLVE, *styled).code == 0
    flip, like = lines(here)
    assert len(flip["learned"]) == 1 and like["recalled"] == flip["learned"]
    kept = json.loads(command_line("memory", "list", "--memory", "m", "--json").out)[0]
    assert kept["kind"] == ("routine" if style == "concepts" else "lesson")
    assert ("grid[:, ::-1]" in str(kept)) == (style == "concepts"), kept


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--memory-style", "lessons"), "give one as --memory"),
        (("--memory", "m", "--memory-style", "x"), "concepts or lessons"),
    ],
)
def test_a_style_without_a_memory_and_one_that_is_none_are_refused(here, command_line, more, why):
    code, _, err = command_line(*SOLVE, *more)
    assert code == 2 and why in err and not (here / "R").exists()
