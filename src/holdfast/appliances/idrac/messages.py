"""Messages in the answers of an iDRAC: what is wrong, with which property, what to do (contract 5).

The last part of a MessageId decides; its registry and version differ between firmwares. What a message is about is told
in `RelatedProperties` as a JSON pointer, as a bare name, or not at all: then by one of its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from holdfast.cutting import cut
from holdfast.transport.values import JsonObject, JsonValue

MOST_SHOWN: Final = 4
"""Most messages of one answer that an error repeats."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_NAME: Final = 120
_NO_STEP: Final = frozenset({"", "none", "n/a", "no response action is required"})

_FIRST: Final = frozenset(
    {"PropertyMissing", "PropertyUnknown", "PropertyNotWritable", "PropertyDuplicate", "PropertyValueConflict"}
    | {"PropertyValueError", "PropertyValueIncorrect", "PropertyValueExternalConflict", "PropertyValueResourceConflict"}
    | {"CreateFailedMissingReqProperties", "ArraySizeTooLong", "ArraySizeTooShort", "ActionParameterNotSupported"}
    | {"ActionParameterValueError", "ActionParameterValueConflict"}
    | {"QueryParameterUnsupported", "QueryParameterValueError"}
)
"""Messages whose first argument is the name of a property or parameter (DMTF, Base message registry)."""
_SECOND: Final = frozenset(
    {"PropertyValueTypeError", "PropertyValueFormatError", "PropertyValueNotInList", "PropertyValueOutOfRange"}
    | {"ActionParameterMissing", "ActionParameterUnknown", "ActionParameterDuplicate", "ActionParameterValueTypeError"}
    | {"ActionParameterValueFormatError", "ActionParameterValueNotInList", "ActionParameterValueOutOfRange"}
    | {"QueryParameterValueTypeError", "QueryParameterValueFormatError", "QueryParameterOutOfRange"}
)
"""Those where it is the second: a value or an action comes first."""
_LAST: Final = frozenset(
    {"SYS029", "SYS407", "SYS409", "SYS410", "SYS417", "SYS424", "SYS425", "SYS426", "SYS427", "SYS428", "SYS429"}
)
"""Dell's, where it is the last: after the value, if that is told."""
ABOUT_VALUES: Final = _FIRST | _SECOND | _LAST
"""Ids that tell which property, parameter or query option is wrong."""
WRONG_TYPE: Final = frozenset({"SYS424", "PropertyValueTypeError", "ActionParameterValueTypeError"})


@dataclass(frozen=True)
class Message:
    """One entry of `@Message.ExtendedInfo`.

    Attributes:
        id: Last part of the MessageId; empty when it is none.
        text: What happened, in the words of the iDRAC.
        severity: OK, Warning, Critical or Informational; may be empty.
        resolution: What to do; empty when nothing is said.
        vendor: Whether it is Dell's own, not the standard's.
        arguments: Values in the text.
        properties: Names of the properties that it is about, with their place: `Boot/BootSourceOverrideTarget`.
    """

    id: str
    text: str
    severity: str
    resolution: str
    vendor: bool
    arguments: tuple[str, ...]
    properties: tuple[str, ...] = ()


def messages_of(value: JsonValue) -> list[Message]:
    """All messages of a body: below `error`, or at the top level; a list or a single object."""
    if not isinstance(value, dict):
        return []
    error = value.get("error")
    holder = error if isinstance(error, dict) else value
    found = holder.get("@Message.ExtendedInfo")
    entries = found if isinstance(found, list) else [found]
    messages = [_message(entry) for entry in entries if isinstance(entry, dict)]
    if not messages and isinstance(error, dict):
        messages = [_message({"MessageId": error.get("code"), "Message": error.get("message")})]
    return messages


def _message(entry: JsonObject) -> Message:
    full = _text(entry.get("MessageId"))
    given = entry.get("MessageArgs")
    arguments = tuple(str(one) for one in given) if isinstance(given, list) else ()
    last = full.rpartition(".")[2]
    known = last if _ID.fullmatch(last) else ""
    resolution = _text(entry.get("Resolution"))
    return Message(
        id=known,
        text=_text(entry.get("Message")),
        severity=_text(entry.get("MessageSeverity")) or _text(entry.get("Severity")),
        resolution="" if resolution.rstrip(".").lower() in _NO_STEP else resolution,
        vendor=full.lower().startswith("idrac"),
        arguments=arguments,
        properties=_related(entry.get("RelatedProperties")) or _by_arguments(known, arguments),
    )


def _text(value: JsonValue) -> str:
    if isinstance(value, dict):  # {"lang": "en-us", "value": "…"}: early firmware of iDRAC 7 and 8
        value = value.get("value")
    return cut(value.replace("\u00a0", " ").strip(), 400) if isinstance(value, str) else ""


def _related(value: JsonValue) -> tuple[str, ...]:
    names = [_name(one) for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return tuple(dict.fromkeys(name for name in names if name))


def _name(pointer: str) -> str:
    """A property by its JSON pointer or name: "#/Boot/BootOrder" is Boot/BootOrder."""
    bare = pointer.strip().removeprefix("#").lstrip("/")
    return cut(bare.replace("~1", "/").replace("~0", "~"), _LONGEST_NAME)


def _by_arguments(message_id: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    index = 0 if message_id in _FIRST else 1 if message_id in _SECOND else -1 if message_id in _LAST else None
    if index is None or not arguments or index >= len(arguments):
        return ()
    return tuple(name for name in (_name(arguments[index]),) if name)


def most_specific(messages: Sequence[Message]) -> Message | None:
    """The vendor's own message that is no mere information, else the first one (contract 5)."""
    for message in messages:
        if message.vendor and message.severity in ("Critical", "Warning"):
            return message
    return next((message for message in messages if message.vendor), messages[0] if messages else None)


def properties_of(messages: Iterable[Message]) -> tuple[str, ...]:
    """The properties that messages are about, each once: a bare name is left out where its place is told too."""
    names = list(dict.fromkeys(name for message in messages for name in message.properties))
    return tuple(name for name in names if not any(other.endswith(f"/{name}") for other in names))


def told(messages: Sequence[Message]) -> str:
    """What messages say, each thing once: the standard's wording is left out beside Dell's on the same property."""
    found: list[str] = []
    said: list[tuple[str, ...]] = []
    for message in sorted(messages, key=lambda one: not one.vendor):
        about = tuple(name.rpartition("/")[2] for name in message.properties)
        if not message.text or message.text in found or (not message.vendor and about in said):
            continue
        said.append(about)
        found.append(message.text)
    shown = [text if text.endswith((".", "!", "?")) else f"{text}." for text in found[:MOST_SHOWN]]
    more = [f"And {len(found) - MOST_SHOWN} more."] if len(found) > MOST_SHOWN else []
    return " ".join([*shown, *more])
