"""Errors of the emulator commands."""

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError


class EmulatorError(OutReplyError):
    """The emulator does not respond, or refused a request."""

    code = "EMULATOR"


class EmulatorNotRunningError(EmulatorError):
    """No emulator uses this state directory."""

    code = "EMULATOR_NOT_RUNNING"

    def __init__(self, hint: str = "Run: outreply emulator start") -> None:
        super().__init__("no emulator is running", hint=hint)


class EmulatorUnresponsiveError(EmulatorError):
    """An emulator runs, but is suspended or busy."""

    def __init__(self, pid: int, seconds: float) -> None:
        super().__init__(
            f"the emulator is running (pid {pid}), but did not respond within {seconds:.0f} s",
            hint=f"If it is suspended, resume it: kill -CONT {pid}",
        )


class EmulatorNotFoundError(EmulatorError):
    """The emulator does not have the named object."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class SeedError(InvalidInputError):
    """A seed file is invalid."""

    code = "INVALID_SEED"
