"""The one error for what a user gave and can mend."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, where, and what could."""


class NotWrittenError(InputError, OSError):
    """A file that the system would not write (a full disk, no permission, a closed pipe)."""
