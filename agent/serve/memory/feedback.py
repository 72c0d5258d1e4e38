"""Feedback on a completion or a response: `{"completion_id", "helped", "correction"?}`.

Given again it changes nothing; the opposite takes the first back before it counts. The reply's `changed` says whether
anything of the memory did, and `why` why not. A kill on the way leaves it undone or done, and whoever gives it again
finishes it.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pilotage.agent.learning.credit import learn_correction, record_feedback, take_back
from pilotage.agent.serve.errors import ApiError
from pilotage.agent.serve.fields import Fields, wrong
from pilotage.memory.errors import StaleConcept
from pilotage.memory.learning.correction import LONGEST

if TYPE_CHECKING:
    from pilotage.agent.serve.keys.access import Access
    from pilotage.agent.serve.memory.records import Record, Records
    from pilotage.agent.serve.service import Service
    from pilotage.memory import ConceptStore


@dataclass(frozen=True)
class Feedback:
    """What a client says of a completion."""

    completion: str
    helped: bool
    correction: str = ""

    @property
    def verdict(self) -> str:
        """The same for the same feedback, in a few characters."""
        said = hashlib.sha256(self.correction.encode("utf-8", "surrogatepass")).hexdigest() if self.correction else ""
        return f"{'helped' if self.helped else 'harmed'}:{said}"


def feedback_in(body: Any) -> Feedback:
    """Reads a body. Raises ApiError, 400, that names the field at fault."""
    if not isinstance(body, dict):
        raise ApiError(400, "the body is no JSON object")
    fields = Fields(body)
    completion, helped = fields.text("completion_id", least=1), fields.flag("helped")
    correction = fields.text("correction") or ""
    fields.end()
    if completion is None:
        raise wrong("completion_id", "is the id of a completion or a response")
    if helped is None:
        raise wrong("helped", "is true or false")
    if len(correction) > LONGEST:
        raise wrong("correction", f"is a text of at most {LONGEST} characters")
    return Feedback(completion, helped, correction.strip())


async def give(service: Service, records: Records, access: Access, feedback: Feedback) -> dict[str, Any]:
    """Carries feedback out and says what it changed. Raises ApiError: 404 where the completion is not this tenant's."""
    await service.ready(access.namespace)
    at_home = await asyncio.to_thread(service.store, access.namespace)
    record = await asyncio.to_thread(records.find, at_home, feedback.completion)
    if record is None or not access.holds(record.namespace):
        what = f"there is no completion {feedback.completion!r} to give feedback on"
        raise ApiError(404, what, param="completion_id", code="completion_not_found")
    await service.ready(record.namespace)
    store = await asyncio.to_thread(service.store, record.namespace)
    teaches = bool(feedback.correction) and access.caller().learn and service.settings.learn
    return await asyncio.to_thread(_carry_out, store, records, record, feedback, teaches)


def _carry_out(
    store: ConceptStore, records: Records, found: Record, feedback: Feedback, teaches: bool
) -> dict[str, Any]:
    record = records.claim(store, found)
    if record is None:
        wait = {"Retry-After": "1"}
        raise ApiError(409, "other feedback on it is being carried out; try again", code="busy", headers=wait)
    said = {"object": "feedback", "completion_id": record.completion, "helped": feedback.helped}
    verdict, why = record.verdict, ""
    try:
        if verdict == feedback.verdict:
            return {**said, "changed": False, "lesson": None, "why": why}
        changed = take_back(store, record)
        verdict = ""
        lesson = None
        changed = record_feedback(store, record, feedback.helped) or changed
        if teaches:
            lesson, why = learn_correction(store, record, feedback.correction)
            changed = changed or lesson is not None
        elif feedback.correction:
            why = "this key does not teach the memory"
        elif not changed:
            why = _unchanged(record)
        verdict = feedback.verdict
        return {**said, "changed": changed, "lesson": lesson, "why": why}
    except StaleConcept as error:
        raise ApiError(409, f"the first feedback cannot be taken back: {error}", code="feedback_depended_on") from None
    finally:
        records.settle(store, record, verdict)


def _unchanged(record: Record) -> str:
    if record.followed or record.learned:
        return "the concepts that had a part in this reply stay as they are"
    return "no concept had a part in this reply"
