"""Faults that are switched on: options checked, requests matched, times counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.simulators.faultlist import FAULTS, FaultKind, Option, Stage, Value

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(eq=False)
class ActiveFault:
    """A fault that is on. `remaining` is None while it lasts until healed; `hits` counts what it struck."""

    kind: FaultKind
    options: Mapping[str, Value]
    method: str
    path: str
    remaining: int | None
    hits: int = 0
    healed: asyncio.Event = field(default_factory=asyncio.Event)

    def number(self, option: str) -> float:
        """The value of a numeric option."""
        return float(self.options[option])

    def text(self, option: str) -> str:
        """The value of a text option."""
        return str(self.options[option])

    def flag(self, option: str) -> bool:
        """The value of a yes/no option; False when this fault has no such option."""
        return bool(self.options.get(option, False))

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is one that this fault strikes."""
        if self.method == "write":
            if method in SAFE_METHODS:
                return False
        elif self.method not in ("any", method):
            return False
        return path.startswith(self.path)

    def as_json(self) -> dict[str, object]:
        """What the control endpoint tells about it."""
        told: dict[str, object] = {"fault": self.kind.name, "options": dict(self.options), "hits": self.hits}
        if self.kind.matches:
            told |= {"method": self.method, "path": self.path}
        if self.remaining is not None:
            told["remaining"] = self.remaining
        return told


def make_fault(name: str, options: Mapping[str, Value]) -> ActiveFault:
    """Check a fault's name and options.

    Raises:
        LookupError: there is no fault of the wire with this name.
        ValueError: an option is unknown, of the wrong type or out of range; the text says which and what is allowed.
    """
    kind = FAULTS.get(name)
    if kind is None:
        raise LookupError(f"no fault named {name!r}; there are {', '.join(FAULTS)}")
    given = dict(options)
    times = given.pop("times", None) if kind.bounded else None
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise ValueError(f"{name}: times must be a whole number of at least 1, not {times!r}")
    method = _match_option(kind, given, "method", kind.method)
    path = _match_option(kind, given, "path", "")
    values = {key: option.default for key, option in kind.options.items()}
    for key, value in given.items():
        if key not in kind.options:
            raise ValueError(f"{name} has no option {key!r}; it has {', '.join(option_names(kind)) or 'none'}")
        values[key] = _checked(name, key, kind.options[key], value)
    return ActiveFault(kind, values, method if method in ("any", "write") else method.upper(), path, times)


def option_names(kind: FaultKind) -> list[str]:
    """All options that a fault takes, the common ones included."""
    names = list(kind.options)
    if kind.bounded:
        names.append("times")
    if kind.matches:
        names += ["method", "path"]
    return names


def _match_option(kind: FaultKind, given: dict[str, Value], key: str, default: str) -> str:
    if not kind.matches:
        return default
    value = given.pop(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{kind.name}: {key} must be a text, not {value!r}")
    return value


def _checked(fault: str, key: str, option: Option, value: Value) -> Value:
    if isinstance(option.default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{fault}: {key} must be true or false, not {value!r}")
        return value
    if isinstance(option.default, str):
        if not isinstance(value, str) or (option.choices and value not in option.choices):
            allowed = f"one of {', '.join(option.choices)}" if option.choices else "a text"
            raise ValueError(f"{fault}: {key} must be {allowed}, not {value!r}")
        return value
    whole = isinstance(option.default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise ValueError(f"{fault}: {key} must be a {'whole ' if whole else ''}number, not {value!r}")
    if not option.minimum <= value < float("inf"):
        raise ValueError(f"{fault}: {key} must be at least {option.minimum:g}, not {value!r}")
    return value


class FaultBoard:
    """The faults that are on at one simulator.

    Only one fault acts on the listening socket at a time, and only one on the handshake: a new one takes the place of
    the old. A fault whose `times` are used up is no longer on, but what it holds (a stalled request) it holds until
    it is healed.
    """

    def __init__(self) -> None:
        self._active: dict[str, ActiveFault] = {}
        self._spent: list[ActiveFault] = []

    def active(self) -> tuple[ActiveFault, ...]:
        """The faults that are on, oldest first."""
        return tuple(self._active.values())

    def on_stage(self, stage: Stage) -> ActiveFault | None:
        """The fault that is on at this stage; for the stages that have at most one."""
        return next((fault for fault in self._active.values() if fault.kind.stage is stage), None)

    def add(self, fault: ActiveFault) -> None:
        """Switch a fault on, in place of one of the same name or of the same exclusive stage."""
        exclusive = fault.kind.stage in (Stage.LISTEN, Stage.HANDSHAKE)
        for old in self.active():
            if old.kind.name == fault.kind.name or (exclusive and old.kind.stage is fault.kind.stage):
                self.remove(old.kind.name)
        self._active[fault.kind.name] = fault

    def remove(self, name: str | None = None) -> list[ActiveFault]:
        """Switch one fault off, or all; returns those that were on or still held something."""
        gone = [fault for fault in (*self.active(), *self._spent) if name in (None, fault.kind.name)]
        for fault in gone:
            self._active.pop(fault.kind.name, None)
            fault.healed.set()
        self._spent = [fault for fault in self._spent if fault not in gone]
        return gone

    def strike(self, name: str, method: str, path: str) -> ActiveFault | None:
        """The fault of this name, if it is on and strikes this request; one of its times is then used."""
        fault = self._active.get(name)
        if fault is None or not fault.matches(method, path):
            return None
        self.count(fault)
        return fault

    def count(self, fault: ActiveFault) -> None:
        """Note that a fault struck once; its last time switches it off."""
        fault.hits += 1
        if fault.remaining is None:
            return
        fault.remaining -= 1
        if fault.remaining <= 0 and self._active.get(fault.kind.name) is fault:
            del self._active[fault.kind.name]
            self._spent.append(fault)
