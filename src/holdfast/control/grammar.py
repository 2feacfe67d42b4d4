"""A grammar of identifiers: what a name of one kind may look like, for arguments, answers and JSON schemas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from holdfast.errors import InputError


@dataclass(frozen=True)
class Grammar:
    """Use it as `Annotated[str, Grammar(…)]`.

    Attributes:
        kind: Short name of the kind.
        pattern: Regular expression of the whole identifier, without anchors. It must mean the same to Python and to
            ECMAScript, and be linear.
        max_length: Characters.
        description: What it is, for the reader of a schema or of an error.
        examples: Real ones.
        check: What the pattern cannot say.
    """

    kind: str
    pattern: str
    max_length: int
    description: str
    examples: tuple[str, ...] = ()
    check: Callable[[str], bool] | None = None
    _compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", re.compile(self.pattern, re.ASCII))

    def accepts(self, value: str) -> bool:
        """Whether the text is an identifier of this kind."""
        return (
            len(value) <= self.max_length
            and self._compiled.fullmatch(value) is not None
            and (self.check is None or self.check(value))
        )

    def parse(self, value: str) -> str:
        """The text itself.

        Raises:
            InputError: It is not an identifier of this kind. The message does not repeat it.
        """
        if not self.accepts(value):
            raise InputError(f"Not a valid {self.kind}: expected {self.description}.")
        return value

    def _validate(self, value: str) -> str:
        if not self.accepts(value):
            raise PydanticCustomError("identifier", "expected {expected}", {"expected": self.description})
        return value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's schema, validated by the grammar."""
        return core_schema.no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The text's JSON schema with pattern, length and description."""
        made = handler(schema)
        made["pattern"] = f"^{self.pattern}$"
        made["maxLength"] = self.max_length
        made["description"] = self.description
        return made


def grammar_of(identifier: object) -> Grammar:
    """The grammar of an identifier type, for use outside of models: `grammar_of(NodeName).parse(text)`."""
    for part in getattr(identifier, "__metadata__", ()):
        if isinstance(part, Grammar):
            return part
    raise TypeError("the type has no grammar")
