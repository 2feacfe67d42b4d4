"""Subscriptions and what was delivered to them: kept, not sent, as nothing listens (contract §12.21)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import lookup_prefix, refuse
from holdfast.simulators.idrac.logs import Record
from holdfast.simulators.idrac.timeline import iso
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

EVENT_TYPES = ("StatusChange", "ResourceUpdated", "ResourceAdded", "ResourceRemoved", "Alert")
_KEPT = 200


@dataclass
class Subscription:
    """Who wants to hear of events."""

    id: str
    destination: str
    types: tuple[str, ...]
    context: str
    format: str
    kind: str
    delivered: list[Json] = field(default_factory=list)


class Events:
    """Subscriptions, and events made of Lifecycle log records."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        self.subscriptions: dict[str, Subscription] = {}
        self._number = 0
        self._seen = 0
        self.streams = 0

    def subscribe(
        self, destination: str, types: tuple[str, ...], context: str, *, form: str, kind: str
    ) -> Subscription:
        """A new subscription; refused at the limit, which streams count towards (SUB001)."""
        if len(self.subscriptions) + self.streams >= self._bmc.persona.subscriptions:
            raise refuse(400, "SUB001")
        self._seen = self._last()
        self._number += 1
        tag = self._bmc.server.service_tag.lower()
        name = f"{self._number:08x}-{tag[:4]}-4b5c-8f00-{int(self._bmc.now) % 16**12:012x}"
        item = Subscription(name, destination, types, context, form, kind)
        self.subscriptions[name] = item
        return item

    def _last(self) -> int:
        own = self._bmc.lclog.own
        return own[-1].number if own else 0

    def deliver_now(self) -> None:
        """Give every subscription what was logged since the last time."""
        records = self._bmc.lclog.since(self._seen)
        self._seen = self._last()
        if not records:
            return
        for item in self.subscriptions.values():
            item.delivered.append(self.event(records, item.context))
            del item.delivered[:-_KEPT]

    def event(self, records: list[Record], context: str) -> Json:
        """An event document; its times have an offset without colon."""
        return {
            "@odata.type": "#Event.v1_8_0.Event",
            "Context": context,
            "Id": str(records[-1].number),
            "Name": "Event Array",
            "Events": [
                {
                    "EventId": str(record.number),
                    "EventTimestamp": iso(record.at, colon=False),
                    "EventType": "Alert",
                    "MemberId": str(index),
                    "Message": record.text,
                    "MessageArgs": list(record.args),
                    "MessageId": f"{lookup_prefix(self._bmc.persona, record.message_id)}.{record.message_id}",
                    "MessageSeverity": record.severity,
                }
                for index, record in enumerate(records)
            ],
        }
