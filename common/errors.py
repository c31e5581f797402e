"""The errors that a user can cause; a script turns them into one line and exit status 2."""

import unicodedata

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, marks of direction, half characters, ends of lines and paragraphs


def one_line(message) -> str:
    """A message as one line: what a name or a file brings along that would end the line or steer a terminal, as its code."""
    return "".join(repr(c)[1:-1] if unicodedata.category(c) in _UNSEEN else c for c in str(message))


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and the mend, in one line."""


class TrainingStopped(UserError):
    """Training cannot go on (the loss is not a number, or exploded); the last good checkpoint is untouched."""


class Stopped(Exception):
    """A training was asked to stop (Ctrl-C, SIGTERM) and has done so; the script ends with status 128 + ``signal``."""

    def __init__(self, signal: int):
        super().__init__("stopped by signal %d" % signal)
        self.signal = int(signal)
