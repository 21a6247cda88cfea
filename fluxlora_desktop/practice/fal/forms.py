"""Reading inputs: every field is looked at, and all that is wrong is told at once."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from fluxlora_desktop.practice.fal.errors import FalError, InvalidInput, Problem, problem


class Form:
    """The fields of one object and what is wrong with them, in the words of pydantic."""

    def __init__(
        self,
        given: Mapping[str, Any],
        *,
        place: tuple[str | int, ...] = (),
        problems: list[Problem] | None = None,
    ) -> None:
        self._given = given
        self._place = place
        self._problems: list[Problem] = [] if problems is None else problems

    def check(self) -> None:
        """Raise `InvalidInput` where anything is wrong."""
        if self._problems:
            raise InvalidInput(self._problems)

    def needed_text(self, name: str) -> str:
        """Return a text that must be there."""
        if name not in self._given:
            self._refuse((name,), "Field required", "missing")
            return ""
        return self.text(name, "")

    def text(self, name: str, default: str) -> str:
        """Return a text."""
        value = self._given.get(name, default)
        if isinstance(value, str):
            return value
        self._refuse((name,), "Input should be a valid string", "string_type")
        return default

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where null or nothing was sent."""
        return None if self._given.get(name) is None else self.text(name, "")

    def choice(self, name: str, *allowed: str, default: str) -> str:
        """Return one of the words allowed."""
        value = self._given.get(name, default)
        if value in allowed:
            return str(value)
        words = " or ".join(f"'{word}'" for word in allowed)
        self._refuse((name,), f"Input should be {words}", "literal_error")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        """Return yes or no."""
        value = self._given.get(name, default)
        if isinstance(value, bool):
            return value
        self._refuse((name,), "Input should be a valid boolean", "bool_type")
        return default

    def whole(self, name: str, low: int, high: int, *, default: int, of: int = 1) -> int:
        """Return a whole number within limits, a multiple of `of`."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self._refuse((name,), "Input should be a valid integer", "int_type")
            return default
        if value % of:
            self._refuse((name,), f"Input should be a multiple of {of}", "multiple_of")
        self._check_limits(name, value, low, high)
        return value

    def optional_whole(self, name: str) -> int | None:
        """Return a whole number, or None where null or nothing was sent."""
        value = self._given.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        self._refuse((name,), "Input should be a valid integer", "int_type")
        return None

    def number(self, name: str, low: float, high: float, *, default: float) -> float:
        """Return a number within limits."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._refuse((name,), "Input should be a valid number", "float_type")
            return default
        self._check_limits(name, value, low, high)
        return float(value)

    def parts(self, name: str, *, most: int) -> list["Form"]:
        """Return the objects of a list."""
        value = self._given.get(name, [])
        if not isinstance(value, list):
            self._refuse((name,), "Input should be a valid list", "list_type")
            return []
        if len(value) > most:
            says = f"List should have at most {most} items after validation, not {len(value)}"
            self._refuse((name,), says, "too_long")
        return [self._part(part, (name, place)) for place, part in enumerate(value)]

    def part(self, name: str) -> "Form":
        """Return an object within this one."""
        return self._part(self._given.get(name), (name,))

    def _part(self, value: Any, place: tuple[str | int, ...]) -> "Form":
        if not isinstance(value, dict):
            self._refuse(place, "Input should be a valid dictionary", "model_type")
        return Form(
            value if isinstance(value, dict) else _ANYTHING,
            place=(*self._place, *place),
            problems=self._problems if isinstance(value, dict) else [],
        )

    def _check_limits(self, name: str, value: float, low: float, high: float) -> None:
        if value < low:
            says = f"Input should be greater than or equal to {low:g}"
            self._refuse((name,), says, "greater_than_equal", ctx={"ge": low})
        if not value <= high:
            says = f"Input should be less than or equal to {high:g}"
            self._refuse((name,), says, "less_than_equal", ctx={"le": high})

    def _refuse(self, place: tuple[str | int, ...], says: str, kind: str, **more: Any) -> None:
        self._problems.append(problem((*self._place, *place), says, kind, **more))


_ANYTHING: Mapping[str, Any] = {}
"""What is read where no object was sent, after that was noted."""


async def read_object(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; 422 for anything else."""
    try:
        told = json.loads(await request.body(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise FalError(422, [problem((), "JSON decode error", "json_invalid")]) from error
    if not isinstance(told, dict):
        raise FalError(422, [problem((), "Input should be a valid dictionary", "dict_type")])
    return told


def _refuse_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    raise ValueError(name)
