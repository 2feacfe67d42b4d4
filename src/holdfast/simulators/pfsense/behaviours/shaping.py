"""Traffic shapers and limiters (contract §13.5)."""

from __future__ import annotations

from holdfast.simulators.pfsense.answers import ApiError
from holdfast.simulators.pfsense.behaviours.base import Behaviour, behaves
from holdfast.simulators.pfsense.config import Stored
from holdfast.simulators.pfsense.work import Obj, Work

_BITS = {"b": 1, "Kb": 1_000, "Mb": 1_000_000, "Gb": 1_000_000_000}


def _bits(value: Stored) -> int | None:
    unit = value.get("bandwidthtype")
    return int(value["bandwidth"]) * _BITS[unit] if unit in _BITS and value.get("bandwidth") else None


@behaves("TrafficShaper")
class Shaper(Behaviour):
    """The shaper of an interface; it is named after it."""

    def check(self, work: Work, obj: Obj) -> None:
        obj.values["name"] = obj.values["interface"]
        for queue in obj.values.get("queue") or []:
            check_queue(obj.values, queue)


@behaves("TrafficShaperQueue")
class Queue(Behaviour):
    """Queues of a shaper, within its bandwidth."""

    def check(self, work: Work, obj: Obj) -> None:
        if obj.parent_id is None:
            return
        parent = work.parent_values(obj.model, obj.parent_id)
        if parent:
            obj.values["interface"] = work.show_interfaces(parent.get("interface"))
            check_queue(parent, obj.values)


def check_queue(parent: Stored, queue: Stored) -> None:
    """422 when a scheduler has no queues, or a queue is wider than its parent."""
    if parent.get("scheduler") == "CODELQ":
        raise ApiError(
            422,
            "TRAFFIC_SHAPER_QUEUE_NOT_SUPPORTED_BY_PARENT_SCHEDULER",
            "Queues are not supported by the parent's scheduler `CODELQ`.",
        )
    whole, part = _bits(parent), _bits(queue)
    if whole is not None and part is not None and part > whole:
        raise ApiError(
            422,
            "TRAFFIC_SHAPER_EXCEEDS_PARENTS_BANDWIDTH_LIMITS",
            "The bandwidth of the queue exceeds that of its parent.",
        )


@behaves("TrafficShaperLimiter", "TrafficShaperLimiterQueue")
class Limiter(Behaviour):
    """Limiters and their queues are numbered in one row."""

    def prepare(self, work: Work, obj: Obj) -> None:
        taken = {
            *work.values_of("TrafficShaperLimiter", "number"),
            *work.values_of("TrafficShaperLimiterQueue", "number"),
        }
        number = 1
        while number in taken:
            number += 1
        obj.values["number"] = number
