"""The fault that refuses a value: 400 with the messages of the DMTF's registry, Dell's, or both (contract §5).

Firmware differs in what it names the property by: a JSON pointer, the bare name, or only an argument of the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import Info, Refusal
from holdfast.simulators.idrac.wire import Call

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

_VALUE_FIRST = frozenset(
    {
        "PropertyValueNotInList",
        "PropertyValueTypeError",
        "PropertyValueFormatError",
        "PropertyValueOutOfRange",
        "SYS424",
        "SYS426",
    }
)
_PROPERTY_ONLY = frozenset(
    {"PropertyMissing", "PropertyUnknown", "PropertyNotWritable", "SYS029", "SYS409", "SYS410", "SYS425", "SYS427"}
    | {"SYS428", "SYS429", "SYS434"}
)
_PARAMETER_OF_ACTION = frozenset({"ActionParameterNotSupported"})
_ACTION_FIRST = frozenset({"ActionParameterMissing"})
_VALUE_PARAMETER_ACTION = frozenset(
    {"ActionParameterValueNotInList", "ActionParameterValueFormatError", "ActionParameterValueTypeError"}
)


def refused_value(bmc: Bmc, call: Call) -> Refusal | None:
    """The refusal that the fault `value-refused` gives to this write; None when it is not meant."""
    fault = bmc.faults.peek("value-refused", path=call.path, method=call.method, now=bmc.now)
    if fault is None or call.path.endswith("/Sessions"):
        return None
    bmc.faults.take("value-refused", path=call.path, method=call.method, now=bmc.now)
    place, value = _first(call.body)
    place = fault.text("property") or place or "Target"
    name = place.rpartition("/")[2]
    style = fault.text("related")
    related = {"pointer": (f"#/{place}",), "name": (name,), "empty": ("",)}.get(style, ())
    ids = fault.text("messages").split(",")
    action = call.path.rpartition("/")[2]
    return Refusal(400, tuple(Info(one, _arguments(one, value, name, action), related) for one in ids))


def _first(body: object) -> tuple[str, str]:
    """Place and value of the first property that is no object itself; annotations are looked at last."""
    if not isinstance(body, dict):
        return "", str(body)
    for name, value in sorted(body.items(), key=lambda item: item[0].startswith("@")):
        if isinstance(value, dict) and value:
            below, found = _first(value)
            return f"{name}/{below}", found
        return name, str(value)
    return "", ""


def _arguments(message_id: str, value: str, name: str, action: str) -> tuple[str, ...]:
    if message_id in _VALUE_FIRST:
        return value, name
    if message_id in _PROPERTY_ONLY:
        return (name,)
    if message_id in _PARAMETER_OF_ACTION:
        return name, action
    if message_id in _ACTION_FIRST:
        return action, name
    if message_id in _VALUE_PARAMETER_ACTION:
        return value, name, action
    return ()
