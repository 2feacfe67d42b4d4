"""What tools on rules, NAT, states and tables return."""

from __future__ import annotations

from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class Rule(Row):
    """A firewall rule. `ref` names it for other tools; rules of one interface are evaluated top to bottom."""

    identified_by = (
        "action",
        "interface",
        "ip_version",
        "protocol",
        "source",
        "source_port",
        "destination",
        "destination_port",
        "description",
        "disabled",
        "floating",
        "log",
        "gateway",
        "schedule",
    )

    ref: Untrusted
    action: Untrusted
    interface: list[Untrusted]
    ip_version: Untrusted | None = None
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    source_port: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    floating: bool | None = None
    log: bool | None = None
    gateway: Untrusted | None = None
    schedule: Untrusted | None = None


class RulePage(Page[Rule]):
    """Rules in their order of evaluation."""


class TrafficVerdict(Answer):
    """What the stored rules do with a packet. `certain` is false when a rule in `doubts` may decide otherwise."""

    action: Untrusted
    certain: bool
    decided_by: Rule | None = None
    forwarded_to: Untrusted | None = None
    doubts: list[Rule] | None = None


class Alias(Row):
    """An alias. `entries` is cut in lists; detail=full shows all."""

    ref: Untrusted
    type: Untrusted
    description: Untrusted | None = None
    entries: list[Untrusted]
    entry_count: int


class AliasPage(Page[Alias]):
    """Aliases."""


class Schedule(Row):
    """A schedule; `ranges` in the form that pfsense_create_schedule takes."""

    ref: Untrusted
    description: Untrusted | None = None
    active_now: bool | None = None
    ranges: list[UntrustedJson]


class SchedulePage(Page[Schedule]):
    """Schedules."""


class PortForward(Row):
    """A port forward."""

    ref: Untrusted
    interface: Untrusted
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    target: Untrusted | None = None
    local_port: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None
    linked_rule: bool | None = None


class PortForwardPage(Page[PortForward]):
    """Port forwards."""


class OutboundNat(Row):
    """A mapping of outbound NAT."""

    ref: Untrusted
    interface: Untrusted
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    destination_port: Untrusted | None = None
    target: Untrusted | None = None
    no_nat: bool | None = None
    description: Untrusted | None = None
    disabled: bool | None = None


class OutboundNatPage(Page[OutboundNat]):
    """Mappings of outbound NAT. They count in the modes hybrid and advanced (manual) only."""

    mode: Untrusted


class OneToOneNat(Row):
    """A 1:1 mapping."""

    ref: Untrusted
    interface: Untrusted
    external: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    description: Untrusted | None = None
    disabled: bool | None = None


class OneToOneNatPage(Page[OneToOneNat]):
    """1:1 mappings."""


class State(Row):
    """A connection in the state table."""

    identified_by = ("interface", "protocol", "direction", "source", "destination")

    interface: Untrusted | None = None
    protocol: Untrusted | None = None
    direction: Untrusted | None = None
    source: Untrusted | None = None
    destination: Untrusted | None = None
    state: Untrusted | None = None
    age: Untrusted | None = None
    expires_in: Untrusted | None = None
    bytes: int | None = None
    packets: int | None = None


class StatePage(Page[State]):
    """States; `current` and `maximum` count the whole table."""

    current: int | None = None
    maximum: int | None = None


class FirewallLogLine(Row):
    """A packet in the firewall's log. Lines that could not be taken apart carry `text` only."""

    identified_by = ()

    time: Untrusted | None = None
    action: Untrusted | None = None
    interface: Untrusted | None = None
    direction: Untrusted | None = None
    protocol: Untrusted | None = None
    source: Untrusted | None = None
    source_port: int | None = None
    destination: Untrusted | None = None
    destination_port: int | None = None
    rule: Untrusted | None = None
    text: Untrusted | None = None


class FirewallLogPage(Page[FirewallLogLine]):
    """Lines of the firewall's log, the newest first. `scanned` counts the lines that were looked at."""

    scanned: int


class Table(Answer):
    """A table of the packet filter."""

    name: Untrusted
    entries: list[Untrusted]
    total: int
