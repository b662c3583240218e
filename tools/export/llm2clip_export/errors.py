"""What can go wrong, by whose hand it is put right. Messages read `<file or argument>: <expected, got, what to do>`."""


class ExportError(Exception):
    """A failure the user can act on."""

    exit_code = 1


class UsageError(ExportError):
    """The command line asks for something that makes no sense."""

    exit_code = 2


class CheckpointError(ExportError):
    """The published checkpoint is damaged, incomplete, or of a kind we do not know."""

    exit_code = 5


class OutputError(ExportError):
    """The model directory cannot be written."""

    exit_code = 6


class UnreachableError(ExportError):
    """The Hub cannot be reached, or breaks off again and again."""

    exit_code = 9
