"""The one error for what a user gave and can mend."""


class InputError(ValueError):
    """Something the user gave cannot be used; the message says what, where, and what could."""
