"""The loop of a conversation where replies, taking back and files fail: nothing that was said is lost."""

import asyncio
import io
import json
import os
import stat

import pytest

from pilotage.agent import events
from pilotage.agent.cli.chat import conversation as conversations
from pilotage.agent.cli.chat import earlier
from pilotage.agent.cli.chat.conversation import Conversation, Turn, conversation_in
from pilotage.agent.cli.chat.partner import FORBIDDEN, Refused
from pilotage.agent.cli.chat.reply import Begun, Ended, Heard, Reply
from pilotage.agent.cli.chat.talk import Talk
from pilotage.agent.cli.chat.view import View
from pilotage.agent.errors import ModelUnavailable, UsageError
from pilotage.agent.trace import Step, Usage

SPENT = Usage(prompt_tokens=30, completion_tokens=7, llm_calls=1, seconds=0.5)


class Partner:
    """Replies with the number of the request, but for what a test has fail."""

    name = "p"

    def __init__(self):
        self.asked = []
        self.failing = {}
        self.taking_back = []
        self.taken_back = []
        self.learning = None

    async def reply(self, messages, sample):
        self.asked.append(([message.text for message in messages], sample))
        number = len(self.asked)
        if number in self.failing:
            raise self.failing[number]
        yield Begun({"id": f"run-{number}"})
        yield events.Chosen("answer", "is said")
        yield events.Token("answer", f"reply {number}")
        yield events.Stepped(Step(block="answer", text=f"reply {number}", usage=SPENT))
        if number == self.learning:
            raise KeyboardInterrupt
        yield Ended({"usage": SPENT})

    async def take_back(self, reply):
        if self.taking_back:
            raise self.taking_back.pop()
        self.taken_back.append(reply.id)
        return "1 change of memory taken back"


@pytest.fixture
def partner():
    return Partner()


@pytest.fixture
def talk(partner, tmp_path):
    """A conversation that is kept in `last.json`; `said` is what is on the screen."""
    with asyncio.Runner() as runner:
        screen = io.StringIO()

        def start(path=None, conversation=None):
            fresh = tmp_path / "chat" / "last.json"
            talking = Talk(partner, conversation or Conversation(), View(screen), path=path, fresh=fresh, runner=runner)
            talking.said = screen.getvalue
            return talking

        yield start


def say(talking, *lines):
    for line in lines:
        talking._take(line)
    return talking


def turns(conversation):
    return [(turn.asked, [reply.text for reply in turn.replies]) for turn in conversation.turns]


def test_a_retry_that_fails_is_asked_again_in_its_turns_place(talk, partner):
    partner.failing = {2: ModelUnavailable("nobody answers"), 3: ModelUnavailable("nobody answers")}
    talking = say(talk(), "hello", "/retry", "/retry", "/retry")
    assert partner.asked == [(["hello"], 0), *[(["hello"], 1)] * 3]
    assert turns(talking.conversation) == [("hello", ["reply 1", "reply 4"])]
    assert turns(conversation_in(talking.path)) == turns(talking.conversation)


def test_a_message_without_a_reply_is_asked_before_the_last_turn_is(talk, partner):
    partner.failing = {2: ModelUnavailable("nobody answers"), 3: ModelUnavailable("nobody answers")}
    talking = say(talk(), "one", "two", "/retry", "/retry")
    assert [asked for asked, _ in partner.asked[1:]] == [["one", "reply 1", "two"]] * 3
    assert turns(talking.conversation) == [("one", ["reply 1"]), ("two", ["reply 4"])]


def test_after_a_retry_that_failed_undo_takes_its_turn_and_retry_the_one_before(talk, partner):
    partner.failing = {3: ModelUnavailable("nobody answers")}
    talking = say(talk(), "one", "two", "/retry", "/undo", "/retry")
    assert turns(talking.conversation) == [("one", ["reply 1", "reply 4"])]


def test_a_turn_stays_until_what_it_taught_is_taken_back(talk, partner):
    partner.taking_back = [ModelUnavailable("nobody answers")]
    talking = say(talk(), "hello", "/retry", "/undo")
    assert turns(talking.conversation) == turns(conversation_in(talking.path)) == [("hello", ["reply 1", "reply 2"])]
    assert partner.taken_back == [] and "taken back" not in talking.said()
    say(talking, "/undo")
    assert partner.taken_back == ["run-2", "run-1"]
    assert not talking.conversation.turns and not conversation_in(talking.path).turns
    assert talking.said().count("1 change of memory taken back") == 2


def test_where_the_key_may_not_change_memory_the_turn_goes_and_that_is_told(talk, partner, capsys):
    partner.taking_back = [Refused("the server refused (403): no scope", FORBIDDEN)]
    talking = say(talk(), "hello", "/undo")
    assert not talking.conversation.turns and talking.failed
    assert "refused (403)" in capsys.readouterr().err


def test_an_interrupt_behind_the_reply_keeps_its_id_and_cost(talk, partner):
    partner.learning = 1
    talking = say(talk(), "hello")
    reply = talking.conversation.turns[0].reply
    assert (reply.text, reply.id, reply.usage) == ("reply 1", "run-1", SPENT)
    assert talking.conversation.spent == SPENT
    assert "interrupted behind the reply, which stays" in talking.said()


def test_what_is_told_at_the_end_counts_and_not_the_sum_of_the_steps():
    heard = Heard()
    heard(events.Stepped(Step(block="answer", text="x", usage=SPENT)))
    assert heard.reply.usage == SPENT and heard.reply.seconds == SPENT.seconds
    heard(Ended({"usage": SPENT + SPENT, "seconds": 9.0}))
    assert heard.reply.usage == SPENT + SPENT and heard.reply.seconds == 9.0


def test_a_new_conversation_leaves_the_old_one_in_a_file_of_its_own(talk):
    talking = say(talk(), "one", "/new")
    (kept,) = talking.path.parent.glob(f"{earlier.FOLDER}/*.json")
    assert f"the one before is in {kept}" in talking.said().replace("\n", "")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert turns(conversation_in(talking.path)) == [("one", ["reply 1"])]  # until the new one has a reply
    say(talking, "two")
    assert turns(conversation_in(kept)) == [("one", ["reply 1"])]
    assert turns(conversation_in(talking.path)) == [("two", ["reply 2"])]
    assert [*talking.path.parent.glob(f"{earlier.FOLDER}/*.json")] == [kept]


def test_another_chat_leaves_the_last_one_in_a_file_of_its_own(talk):
    first = say(talk(), "one")
    second = say(talk(), "two", "three")
    (kept,) = first.path.parent.glob(f"{earlier.FOLDER}/*.json")
    assert turns(conversation_in(kept)) == [("one", ["reply 1"])]
    assert [asked for asked, _ in turns(conversation_in(second.path))] == ["two", "three"]
    say(talk(second.path, conversation_in(second.path)), "four")  # goes on, and so takes nobody's place
    assert [*first.path.parent.glob(f"{earlier.FOLDER}/*.json")] == [kept]


def test_a_conversation_with_a_file_of_its_own_is_not_copied(talk, tmp_path):
    talking = say(talk(), f"/save {tmp_path / 'mine.json'}", "one", "/new", "two")
    assert f"the one before is in {tmp_path / 'mine.json'}" in talking.said().replace("\n", "")
    assert turns(conversation_in(tmp_path / "mine.json")) == [("one", ["reply 1"])]
    assert not (talking.path.parent / earlier.FOLDER).exists()


def test_of_the_earlier_conversations_the_newest_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(earlier, "MOST_KEPT", 3)
    last = tmp_path / "last.json"
    assert earlier.set_aside(last) is None
    for number in range(5):
        last.write_text(str(number))
        os.utime(last, (number, number))
        assert earlier.set_aside(last) == earlier.set_aside(last)
    assert [file.read_text() for file in sorted(tmp_path.glob(f"{earlier.FOLDER}/*.json"))] == ["2", "3", "4"]


def test_a_conversation_that_grows_too_large_leaves_steps_out_and_then_keeps_what_it_had(tmp_path, monkeypatch):
    monkeypatch.setattr(conversations, "MOST_BYTES", 20_000)
    reply = Reply(text="short", steps=(Step(block="reason", text="x" * 9000),))
    conversation, path = Conversation(), tmp_path / "c.json"
    for asked in ("one", "two", "three"):
        conversation.turns.append(Turn(asked=asked, replies=(reply,)))
        conversation.keep(path)
    found = conversation_in(path)
    assert [len(turn.reply.steps) for turn in found.turns] == [0, 0, 1]
    assert [len(turn.reply.steps) for turn in conversation.turns] == [1, 1, 1]
    conversation.turns.append(Turn(asked="four", replies=(Reply(text="y" * 30_000),)))
    with pytest.raises(UsageError, match="its last turn is not kept: /undo takes it back"):
        conversation.keep(path)
    assert len(json.loads(path.read_text())["turns"]) == 3
