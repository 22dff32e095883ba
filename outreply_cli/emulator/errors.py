"""What goes wrong with an emulator, as those who steer it are told."""

from outreply_cli.errors import ExitCode, InvalidInputError, OutReplyError


class EmulatorError(OutReplyError):
    """The emulator is not running, or refused what was asked of it."""

    code = "EMULATOR"


class EmulatorNotFoundError(EmulatorError):
    """The emulator holds nothing that is called so."""

    code = "NOT_FOUND"
    exit_code = ExitCode.NOT_FOUND


class SeedError(InvalidInputError):
    """A seed file has something in it that can't be meant."""

    code = "SEED"
