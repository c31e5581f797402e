"""The errors that a user can cause; a script turns them into one line and exit status 2."""


class UserError(Exception):
    """Something the user can mend: the message says what is wrong, where, and the mend, in one line."""


class TrainingStopped(UserError):
    """Training cannot go on (the loss is not a number, or exploded); the last good checkpoint is untouched."""
