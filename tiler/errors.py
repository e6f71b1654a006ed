"""The errors a user can meet: each says what happened, to which file, and what to do."""


class TilerError(Exception):
    """Something the user can put right: `what` went wrong, and the `remedy`; one plain sentence or two each."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}\n{remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["TilerError"], tuple[str, str]]:
        return type(self), (self.what, self.remedy)


class SettingsError(TilerError):
    """An option has a value that no run can use."""


class InputError(TilerError):
    """A picture cannot be read, or not be trusted."""


class OutputError(TilerError):
    """A result cannot be written where or how it was asked for."""


class ModelError(TilerError):
    """A network cannot be found, fetched, loaded or run."""
