"""The shapes that travel through the simulator: JSON values and what a request carried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Row: TypeAlias = dict[str, Json]
Parameter: TypeAlias = "bool | int | float | str | list[Parameter] | dict[str, Parameter]"

_SEPARATORS = str.maketrans({",": " ", ";": " ", "\0": " "})


def split_list(text: str | None) -> list[str]:
    """The parts of a list written as one string: comma, semicolon, NUL and blanks all separate."""
    return (text or "").translate(_SEPARATORS).split()


def boolean_word(text: str) -> bool | None:
    """What a word means as a boolean inside a property string; None when it means nothing."""
    word = text.lower()
    if word in {"1", "on", "yes", "true"}:
        return True
    if word in {"0", "off", "no", "false"}:
        return False
    return None


class Params:
    """Verified parameters of one call; values already have the types of the schema."""

    def __init__(self, values: Mapping[str, Parameter]) -> None:
        self._values = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def raw(self) -> dict[str, Parameter]:
        """All values, as a copy."""
        return dict(self._values)

    def take(self, *names: str) -> None:
        """Drop parameters that the caller has dealt with."""
        for name in names:
            self._values.pop(name, None)

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are written out, booleans as 0 or 1."""
        value = self._values.get(name)
        return default if value is None else as_text(value)

    def maybe(self, name: str) -> str | None:
        """A string, or None when the parameter was not given."""
        value = self._values.get(name)
        return None if value is None else as_text(value)

    def number(self, name: str, default: int = 0) -> int:
        """An integer."""
        value = self._values.get(name)
        return int(value) if isinstance(value, int | float | str) else default

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        value = self._values.get(name)
        return default if value is None else bool(value)

    def words(self, name: str) -> list[str]:
        """A list, whether it came as an array or as one separated string."""
        value = self._values.get(name)
        if isinstance(value, list):
            return [as_text(item) for item in value]
        return split_list(None if value is None else as_text(value))


def as_text(value: Parameter) -> str:
    """A parameter as it is kept in configuration files."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={as_text(item)}" for key, item in value.items())
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(text: str | None, default: float = 0) -> float:
    """A number out of a configuration value; the default when it is not one."""
    try:
        return float(text) if text is not None else default
    except ValueError:
        return default
