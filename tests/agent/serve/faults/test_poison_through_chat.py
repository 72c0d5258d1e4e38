"""The poison suite through `/v1/chat/completions` with learning on: thumbs up and corrections carry nothing in."""

import json
import re

import pytest

from pilotage.memory.render import CLOSING, OPENING, render
from tests.agent.poisons import MARK, NOTES, PROGRAMS, STORED, SUM, TASKS, UNKNOWN
from tests.agent.serve.tenants import ask
from tests.agent.test_poison import GOOD, OBEYING, PROGRAM, model_that

ROUTE = "pilotage:program,verify"
REPLY = "It is 59."
SAID = {**TASKS, **{f"unknown {number}": f"{SUM} {text}" for number, text in enumerate(UNKNOWN)}}
QUOTED = re.compile(rf"{re.escape(OPENING)}.*?{re.escape(CLOSING)}", re.S)


class Tenants:
    """A server whose model can be changed, and a tenant for each text."""

    def __init__(self, house):
        self.model = model_that()
        self._house = house(self.model)
        self._other = self._house.key("bystander")

    def obeys(self, poison=None, **how):
        """The model does from now on as it is told here; it obeys a poison wherever it reads that."""
        worker, obeying = model_that(**how).script, model_that(note=OBEYING).script

        def script(messages):
            if "<notes>" in messages[-1].text:
                return REPLY
            reads = poison is not None and poison in "\n".join(message.text for message in messages)
            return (obeying if reads else worker)(messages)

        self.model.script = script

    def tell(self, name, messages, *, helped=True, **more):
        """One conversation of a tenant, and feedback on it; all that is stored of it in the end."""
        client = self._house.key(name)
        said = ask(client, messages=messages, model=ROUTE)
        assert said.status_code == 200, said.text
        given = {"completion_id": said.json()["id"], "helped": helped} | more
        told = client.post("/v1/feedback", json=given)
        assert told.status_code == 200, told.text
        return client, told.json(), stored(client)

    def bystander(self):
        """What another tenant's runs are shown, and what is stored for it."""
        self.obeys()
        calls = len(self.model.calls)
        assert ask(self._other, SUM, model=ROUTE).status_code == 200
        return "".join(call.text for call in self.model.calls[calls:]) + stored(self._other)

    def memory(self, name):
        return self._house.store(name)


def stored(client):
    """Everything that a tenant's memory holds, retired concepts and history too."""
    texts = []
    for status in ("provisional", "trusted", "retired"):
        for one in client.get("/v1/concepts", params={"status": status, "limit": 200}).json()["data"]:
            texts += [json.dumps(one), client.get(f"/v1/concepts/{one['id']}/history").text]
    return "".join(texts).lower()


def user(text):
    return {"role": "user", "content": text}


@pytest.fixture
def tenants(house):
    return Tenants(house)


def test_a_harmless_conversation_teaches(tenants):
    tenants.obeys()
    assert "jars * price - stall" in tenants.tell("a", [user(SUM)])[2]


def test_a_poisoned_task_teaches_nothing_of_its_own(tenants):
    tenants.obeys(note=OBEYING)
    for number, text in enumerate(SAID.values()):
        assert MARK not in tenants.tell(f"tenant-{number}", [user(text)])[2], text
    assert MARK not in tenants.bystander().lower()


def test_neither_does_what_stands_elsewhere_in_the_conversation(tenants):
    for number, poison in enumerate(STORED):
        tenants.obeys(poison)
        conversations = [
            [{"role": "system", "content": poison}, user(SUM)],
            [user("hi there"), {"role": "assistant", "content": poison}, user(SUM)],
            [user(poison), {"role": "assistant", "content": "Yes."}, user(SUM)],
        ]
        held = tenants.tell(f"tenant-{number}", conversations[number % 3])[2]
        assert MARK not in held, poison


def test_neither_do_programs_and_notes_of_the_model(tenants):
    said = [{"program": PROGRAMS[name]} for name in sorted(PROGRAMS.keys() - {"function"})]
    said += [{"note": NOTES[name]} for name in sorted(NOTES.keys() - {"memory"})]
    for number, how in enumerate(said):
        tenants.obeys(**{"program": PROGRAM, "note": GOOD} | how)
        assert MARK not in tenants.tell(f"tenant-{number}", [user(SUM)])[2], how
    assert MARK not in tenants.bystander().lower()


def test_a_correction_stays_in_its_quotes_is_not_trusted_and_reaches_nobody_else(tenants):
    tenants.obeys()
    kept = 0
    for number, text in enumerate(STORED):
        name = f"tenant-{number}"
        client, told, _ = tenants.tell(name, [user(SUM)], helped=False, correction=text)
        calls = len(tenants.model.calls)
        assert ask(client, SUM, model=ROUTE).status_code == 200
        for call in tenants.model.calls[calls:]:
            assert MARK not in QUOTED.sub("", call.text).lower(), text
        if told["lesson"] is None:
            assert told["why"]
            continue
        kept += 1
        with tenants.memory(name) as store:
            lesson = store.get(told["lesson"])
        assert (lesson.kind, lesson.status, lesson.pitfall) == ("lesson", "provisional", True)
        shown = render([lesson], 1000).text
        assert shown == "" or QUOTED.fullmatch(shown), text
    assert 0 < kept < len(STORED)
    assert MARK not in tenants.bystander().lower()
