"""What the registry refuses, in plain words."""


class RegistryError(Exception):
    """The base of what the registry refuses; the message says what was wrong and what would be right."""


class NotInScopeError(RegistryError):
    """There is no such thing in the asker's scope."""


class OutsideScopeError(RegistryError):
    """The change would put something outside the asker's scope."""


class ConflictError(RegistryError):
    """It exists already, or is in a state that does not allow this; ``field``: the value that another has already."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ChangedMeanwhileError(RegistryError):
    """Somebody else changed it since the asker saw it."""
