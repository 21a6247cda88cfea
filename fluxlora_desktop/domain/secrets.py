"""The one type that carries a token."""

from __future__ import annotations

from typing import NoReturn

_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


class Secret:
    """A token that does not show itself in repr, str, format, logs, tracebacks or pickles.

    White space and signs without a width are left out wherever they stand: no token holds any, and
    what is copied from a web page or a terminal often does.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = "".join(value.translate(_UNSEEN).split())

    def reveal(self) -> str:
        """Return the token itself: call it only where it goes into a request's header."""
        return self._value

    @property
    def sendable(self) -> bool:
        """Tell whether it can stand in a header: plain characters only."""
        return self._value.isascii() and self._value.isprintable()

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__

    def __format__(self, form: str) -> str:
        return format(repr(self), form)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret does not leave the process")

    __getstate__ = __reduce__
