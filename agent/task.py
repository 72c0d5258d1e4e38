"""Task and Answer: what comes in, and what goes out."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pilotage.agent.messages import Message, ReplyOptions, last_user
from pilotage.common.text import carriable_data

Kind = Literal["numeric", "choice", "text", "program", "grid", "open"]
KINDS: tuple[Kind, ...] = ("numeric", "choice", "text", "program", "grid", "open")
"""What an answer is: one number, a letter, a word or phrase, a program, a grid, or (`open`) the reply itself."""


class Example(BaseModel):
    """A worked example that the task itself shows: public, so it may be used as evidence."""

    model_config = ConfigDict(frozen=True)

    input: str
    output: str


class Task(BaseModel):
    """One problem.

    `gold` and `metadata` are seen by graders only: they never reach a prompt, a retry, an observation or the
    decision to write to memory. `public()` is the view that everything else works with.

    Memory is searched by what a task is `about`: its prompt, or where all tasks of a sort have one wording what tells
    them apart, computed from what they show.

    Where a task's text depends on its notation, or on an order that means nothing, `content` is a hash of what it
    shows.

    A grid task may show a transformation by its `examples` and ask for what becomes of each of its `inputs`.

    A task can be a conversation: `messages`, of which the last that the user wrote is the `prompt`. What its blocks
    look for is of the task's kind; what it is answered with is the next message, written as `reply` says.

    An `inferred` kind was read off the prompt alone (`pilotage.agent.tasks.kinds`): where no answer of that kind is
    reached, the run answers in the model's own words instead of not at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    prompt: str
    topic: str = ""
    content: str = ""
    kind: Kind = "text"
    inferred: bool = False
    choices: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    inputs: tuple[str, ...] = ()
    gold: Any = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    reply: ReplyOptions = ReplyOptions()

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, given: Any) -> Any:
        return carriable_data(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _asks_what_the_user_did(self) -> Self:
        place = last_user(self.messages)
        if self.messages and (place is None or self.messages[place].shown.strip() != self.prompt.strip()):
            raise ValueError("the prompt of a conversation is its last message of the user")
        return self

    @field_validator("prompt")
    @classmethod
    def _has_text(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("the prompt is empty; a task needs a question to answer")
        return prompt

    @property
    def about(self) -> str:
        """What memory is searched by, and what a lesson of the task is on."""
        return self.topic or self.prompt

    @property
    def asked(self) -> str:
        """A hash of what is asked, which tells two questions under one id apart; nothing hidden has a part in it."""
        examples = [[example.input, example.output] for example in self.examples]
        content = [self.prompt, self.kind, self.inferred, self.choices, examples]
        if self.inputs:
            content.append(self.inputs)
        if self.messages:
            content += [[message.model_dump() for message in self.messages], self.reply.model_dump()]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def public(self) -> Task:
        """This task without its hidden answer and without metadata."""
        return self.model_copy(update={"gold": None, "metadata": {}})
