"""Samples of Inspect as tasks, and runs as what its scorers read. A sample's target and metadata are not looked at."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage, messages_to_openai
from inspect_ai.solver import TaskState

from pilotage.agent.answers import resolve_choice
from pilotage.agent.chat.conversation import conversation_task, read_messages
from pilotage.agent.errors import UsageError
from pilotage.agent.messages import Message
from pilotage.agent.run import Run
from pilotage.agent.task import Kind, Task
from pilotage.agent.tasks.kinds import as_task


async def task_of(state: TaskState, kind: Kind | None = None) -> Task:
    """What a sample asks: a question where it is one message of the user, the next message where it is more.

    The question of a sample with choices is all that was said.

    Args:
        state: of the sample, as earlier solvers left it.
        kind: of the answer to a question; by default read off its form.

    Raises:
        UsageError: the sample asks for what the agent does not do.
    """
    if state.tools:
        raise UsageError("pilotage/reason calls no tools of a task: leave `use_tools` out, or take another solver")
    messages = read_messages(await messages_to_openai(state.messages))
    name = str(state.sample_id)
    if state.choices:
        if any(message.others or not (message.of_system or message.role == "user") for message in messages):
            raise UsageError("pilotage/reason takes choices behind text of the user, and not in a conversation")
        said = "\n\n".join(message.text for message in messages)
        choices = tuple(choice.value for choice in state.choices)
        return Task(id=name, prompt=said, kind="choice", choices=choices)
    if not _is_question(messages):
        if kind is not None:
            raise UsageError("`kind` is for questions: what goes on a conversation is its next message")
        return conversation_task(messages)
    (question,) = messages
    return Task(id=name, prompt=question.text, kind=kind) if kind else as_task(question.text)


def _is_question(messages: Sequence[Message]) -> bool:
    return len(messages) == 1 and messages[0].role == "user" and not messages[0].others


def answer_with(state: TaskState, run: Run, model: str) -> None:
    """Lays a run's answer where scorers look for it, and the run itself into the sample's metadata."""
    answer = run.answer or ""
    if state.choices:
        chosen = resolve_choice(answer, [choice.value for choice in state.choices])
        for place in range(len(state.choices)):
            state.choices.mark_choice(place, place == chosen)
        if chosen is not None:  # in the words of Inspect's own `multiple_choice`
            answer = f"ANSWER: {chr(ord('A') + chosen)}"
    message = ChatMessageAssistant(content=answer, model=model, source="generate")
    choice = ChatCompletionChoice(message=message, stop_reason="max_tokens" if run.cut else "stop")
    state.output = ModelOutput(model=model, choices=[choice], usage=_usage(run), time=run.seconds)
    state.messages.append(message)
    state.metadata["pilotage"] = run.to_json()


def _usage(run: Run) -> ModelUsage:
    """What the run cost, as Inspect counts: what was read from a cache apart from the rest of the prompt."""
    spent = run.usage
    return ModelUsage(
        input_tokens=spent.prompt_tokens - spent.cached_tokens,
        input_tokens_cache_read=spent.cached_tokens,
        output_tokens=spent.completion_tokens,
        total_tokens=spent.total_tokens,
        reasoning_tokens=spent.reasoning_tokens,
    )
