"""What wdist raises and warns with: one small tree, so that a caller can catch all of it or one part."""

__all__ = ["InputError", "NotConvergedError", "WdistError", "WdistWarning"]


class WdistError(Exception):
    """Base of every error that wdist raises on purpose."""


class InputError(WdistError, ValueError):
    """The request cannot be answered as it stands; the text says what came and how to mend it."""


class NotConvergedError(WdistError, RuntimeError):
    """A number was asked of a solver that did not converge."""


class WdistWarning(UserWarning):
    """The answer stands, with a reservation that the caller should read; at most one a call."""
