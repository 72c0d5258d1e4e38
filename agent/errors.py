"""Every error that `agent` raises on purpose; each message says what to do next, and tells no credentials."""

from typing import TYPE_CHECKING, Any

from pilotage.common.redaction import redact_message

if TYPE_CHECKING:
    from pilotage.agent.trace import Trace


class PilotageError(Exception):
    """Base of all errors a caller may want to catch; the command line prints its text and exits with `exit_code`."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(redact_message(message))

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, whatever its class is made from: an error of a worker process comes back whole."""
        return type(self).__new__, (type(self), *self.args), self.__dict__


class Interrupted(PilotageError):
    """Ctrl-C; the text says what is kept and how to go on."""

    exit_code = 130


class UsageError(PilotageError):
    """What the caller asked for cannot be done as asked: a bad specification, flag or file."""

    exit_code = 2


class BeyondBudget(UsageError):
    """A budget cannot hold what a method needs at least; nothing is paid."""


class Unable(UsageError):
    """A method needs what the model or the machine has not: log-probabilities, or a sandbox."""


class UnsupportedParameter(UsageError):
    """A parameter of a request that is not taken here; `parameter` names it."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class AgentClosed(PilotageError):
    """The agent was closed, by another thread, while the caller still waited for what it had asked."""


class CacheUnusable(UsageError):
    """The response cache cannot be read or written; the text names the file."""


class CheckpointsUnusable(PilotageError):
    """The file of checkpoints cannot be read or written; the text names it."""


class KeyStoreUnusable(PilotageError):
    """The server's key store cannot be read or written; the text names the file."""


class ResponseStoreUnusable(PilotageError):
    """The file in which the server keeps responses cannot be read or written; the text names it."""


class UnknownKey(UsageError):
    """No key of the server has this id."""


class LimitReached(PilotageError):
    """A key has used up what it may; the text says which limit it was.

    Attributes:
        limit: name of the limit, as in `Limits` of agent/serve/limits.py.
        retry_after: whole seconds, at least 1, after which the same request may be admitted.
    """

    def __init__(self, limit: str, retry_after: int, message: str) -> None:
        super().__init__(message)
        self.limit = limit
        self.retry_after = retry_after


class TaskError(UsageError):
    """A task source is malformed; the text names the file and line."""


class BudgetExceeded(PilotageError):
    """A hard limit of the run's budget does not allow the next call. It stops the run; it is not a failure.

    Attributes:
        limit: name of the limit.
        failing: whether the call that it ended had got nothing but failures.
        streamed: what of the reply had been streamed by then.
    """

    def __init__(self, limit: str, message: str, *, failing: bool = False, streamed: str = "") -> None:
        super().__init__(message)
        self.limit = limit
        self.failing = failing
        self.streamed = streamed


class ModelError(PilotageError):
    """A model could not be loaded or did not answer as a model should.

    Attributes:
        upstream: which of a server's models it is; empty elsewhere.
        trace: of the run that it ended, with all that this cost; None where there was none.
    """

    upstream = ""
    trace: "Trace | None" = None


class UnknownModel(ModelError, UsageError):
    """The model string names nothing that can be loaded."""


class MissingExtra(ModelError, UsageError):
    """An optional dependency is needed; the text names the extra that brings it."""


class WeightsError(ModelError):
    """Model weights are missing, truncated, corrupt, or could not be fetched."""


class ContextExceeded(ModelError):
    """The messages do not fit the model's context; the text says how many tokens they have, and it holds."""


class ModelUnavailable(ModelError):
    """The endpoint could not be reached, or refused after every retry."""


class UpstreamBusy(ModelUnavailable):
    """The endpoint's rate, as it was set here, is used up for longer than a call may wait.

    Attributes:
        retry_after: whole seconds, at least 1, after which another call may be made.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BadReply(ModelError):
    """The endpoint answered with something that is not a usable chat completion."""


class Unforeseen(PilotageError):
    """What no part of the program expected of one task; the text names it, and the others go on."""


class SandboxUnavailable(PilotageError):
    """No isolation for generated code is available here and nobody opted in to a weaker one."""


class ScorerUnavailable(PilotageError):
    """A step scorer could not be reached, or refused after every retry; what was scored before is kept."""


class StepRefused(ScorerUnavailable):
    """A step scorer would not score this step, nor when it was asked again; it may well score others."""


class BadScores(PilotageError):
    """A step scorer answered with something that is not a score for every step."""
