"""Every error that `navigator` raises on purpose; each message says what to do next."""


class NavigatorError(Exception):
    """Base of the errors of this package."""


class SpecMismatch(NavigatorError, ValueError):
    """An observation, mask or policy does not fit the action or observation spec in use."""


class PolicyError(NavigatorError, ValueError):
    """A policy cannot be built or loaded as asked."""


class BankError(NavigatorError, ValueError):
    """A bank cannot be read, written or used as asked."""


class EnvError(NavigatorError, ValueError):
    """An environment or its dynamics cannot do what was asked of it."""


class ConfidenceError(NavigatorError, ValueError):
    """A model of confidence cannot be fitted, read or used as asked."""


class LogError(NavigatorError, ValueError):
    """Logged runs cannot be used as asked."""


class ReportError(NavigatorError, ValueError):
    """An evaluation cannot be read or reported as asked."""
