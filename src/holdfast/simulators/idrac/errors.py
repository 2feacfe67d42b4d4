"""Refusals and the envelopes they travel in (contract §5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.simulators.idrac.messages import Message, fill, lookup
from holdfast.simulators.idrac.persona import Persona
from holdfast.simulators.idrac.wire import Json, Reply


@dataclass(frozen=True)
class Info:
    """One entry of `@Message.ExtendedInfo`."""

    message_id: str
    args: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass
class Refusal(Exception):
    """Ends the handling of a request with an error answer; without messages the answer has no body."""

    status: int
    infos: tuple[Info, ...]
    headers: dict[str, str] = field(default_factory=dict)


def refuse(
    status: int, message_id: str, *args: str, related: tuple[str, ...] = (), headers: dict[str, str] | None = None
) -> Refusal:
    """A refusal with one message."""
    return Refusal(status, (Info(message_id, args, related),), headers or {})


def missing_resource(path: str) -> Refusal:
    """There is nothing at this URI; the status is settled by the persona when it is answered."""
    return Refusal(404, (Info("SYS403", (path,)), Info("ResourceMissingAtURI", (path,))))


class DropConnection(Exception):
    """The connection ends without an answer, as when the iDRAC restarts or blocks an address."""


def lookup_prefix(persona: Persona, message_id: str) -> str:
    """The registry and version before a message id: "Base.1.18" or "IDRAC.2.9"."""
    return f"Base.{persona.base_version}" if lookup(message_id)[0] else persona.idrac_prefix


def info_object(persona: Persona, info: Info, *, related: bool = True) -> Json:
    """One ExtendedInfo entry as this firmware writes it."""
    message = lookup(info.message_id)[1]
    entry: Json = {
        "Message": fill(message.text, info.args),
        "MessageArgs": list(info.args),
        "MessageId": f"{lookup_prefix(persona, info.message_id)}.{info.message_id}",
        "Resolution": message.resolution,
        "Severity": message.severity,
    }
    entry["MessageArgs@odata.count"] = len(info.args)
    if related:
        entry["RelatedProperties"] = list(info.related)
        entry["RelatedProperties@odata.count"] = len(info.related)
    return entry


def envelope(persona: Persona, infos: tuple[Info, ...], *, as_object: bool = False) -> Json:
    """The `error` object; `as_object` gives the single object that iDRAC8 sends for an unknown URI."""
    entries: list[object] = [info_object(persona, info) for info in infos]
    return {
        "error": {
            "@Message.ExtendedInfo": entries[0] if as_object else entries,
            "code": f"Base.{persona.base_version}.GeneralError",
            "message": "A general error has occurred. See ExtendedInfo for more information.",
        }
    }


def refusal_reply(persona: Persona, refusal: Refusal) -> Reply:
    """The answer that a refusal becomes."""
    status = refusal.status
    as_object = False
    infos = refusal.infos
    if not infos:
        return Reply(status, None, dict(refusal.headers))
    if status == 404 and persona.unknown_uri_status != 404 and infos[0].message_id == "SYS403":
        status = persona.unknown_uri_status
        as_object = True
    return Reply(status, envelope(persona, infos, as_object=as_object), dict(refusal.headers))


def success(persona: Persona, *ids: str, status: int = 200) -> Reply:
    """A success that is told by messages: `Base…Success` and an iDRAC one (contract §5)."""
    infos = [info_object(persona, Info("Success"))]
    infos += [info_object(persona, Info(message_id)) for message_id in (ids or ("SYS413",))]
    return Reply(status, {"@Message.ExtendedInfo": list(infos)})


def message_text(message_id: str, *args: str) -> str:
    """The text of a message with its arguments."""
    return fill(lookup(message_id)[1].text, args)


def message_of(message_id: str) -> Message:
    """The registry entry of an id; KeyError when there is none."""
    return lookup(message_id)[1]
