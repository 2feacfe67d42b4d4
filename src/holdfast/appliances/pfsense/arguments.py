"""Arguments that many tools share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from holdfast.appliances.pfsense.client import HTTPPfSenseClient
from holdfast.appliances.pfsense.identifiers import PfAddress, PfInterface, PfPort
from holdfast.control.context import Context
from holdfast.control.grammar import grammar_of
from holdfast.transport.values import JsonObject


def _parsed(identifier: object) -> Callable[[str], str]:
    """Validates a text by the grammar of an identifier type."""
    grammar = grammar_of(identifier)

    def parse(text: str) -> str:
        if not grammar.accepts(text):
            raise PydanticCustomError("identifier", "expected {expected}", {"expected": grammar.description})
        return text

    return parse


Ctx = Context[HTTPPfSenseClient]

Ref = Annotated[str, Field(pattern=r"^[\x21-\x7e][\x20-\x7e]{0,199}$", description="ref as the list shows it.")]
Changes = Annotated[
    dict[str, JsonValue], Field(min_length=1, max_length=60, description="API fields to set; null resets one.")
]
More = Annotated[
    dict[str, JsonValue] | None, Field(max_length=60, description="Further API fields, checked before sending.")
]
Description = Annotated[str | None, Field(max_length=255, description="Free text.")]
Disabled = Annotated[bool, Field(description="Keep it, without effect.")]
AllowLockout = Annotated[bool, Field(description="Do it even if it may cut off Holdfast itself.")]
Search = Annotated[str | None, Field(max_length=60, description="Only with this text.")]
Interface = Annotated[
    str, Field(max_length=32, description="Interface: wan, lan, opt1 …"), AfterValidator(_parsed(PfInterface))
]
# The grammars are checked without being shown: their patterns would cost more of a tool list than they tell.
Address = Annotated[
    str,
    Field(max_length=52, description="any, IP, network, alias, lan, lan:ip, (self); ! inverts."),
    AfterValidator(_parsed(PfAddress)),
]
Port = Annotated[
    Annotated[str, Field(max_length=31), AfterValidator(_parsed(PfPort))] | None,
    Field(description="Port, low:high, or alias."),
]


def body_of(given: dict[str, JsonValue | None], more: dict[str, JsonValue] | None) -> JsonObject:
    """The fields of a request: what was given, and further ones; None is left out, except where `more` says it."""
    return {name: value for name, value in given.items() if value is not None} | dict(more or {})


def has_text(search: str | None, *values: object) -> bool:
    """Whether one of the values contains the text, in any case."""
    return search is None or any(search.casefold() in str(value).casefold() for value in values if value is not None)
