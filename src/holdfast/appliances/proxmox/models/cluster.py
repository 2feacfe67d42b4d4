"""The cluster: quorum, options, log, high availability, replication."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.models.core import NodeState
from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson


class HaService(Row):
    """A guest that the HA manager runs: state is what is, request what is wanted."""

    sid: Untrusted
    node: Untrusted | None = None
    state: Annotated[Untrusted | None, Key("state", "status")] = None
    request: Annotated[Untrusted | None, Key("request_state")] = None


class ClusterStatus(Answer):
    """Quorum, members and high availability of the cluster."""

    name: Untrusted | None = None
    quorate: bool | None = None
    nodes: list[NodeState]
    missing: list[Untrusted] | None = None
    ha_master: Untrusted | None = None
    ha_services: list[HaService] | None = None


class ClusterOptions(Answer):
    """Options of the datacenter."""

    options: UntrustedJson


class LogEntry(Row):
    """An entry of the cluster's log. severity: 0 worst, 7 least."""

    identified_by = ()

    time: int
    node: Untrusted | None = None
    user: Untrusted | None = None
    tag: Untrusted | None = None
    severity: Annotated[int | None, Key("pri")] = None
    text: Annotated[Untrusted | None, Key("msg")] = None


class LogPage(Page[LogEntry]):
    """Log, newest first."""


class HaResource(Row):
    """A guest under high availability, as configured."""

    identified_by = ("sid",)

    sid: Untrusted
    state: Untrusted | None = None
    group: Untrusted | None = None
    max_restart: int | None = None
    max_relocate: int | None = None
    failback: bool | None = None
    comment: Untrusted | None = None


class HaResourcePage(Page[HaResource]):
    """Guests under high availability."""


class HaRule(Row):
    """A placement rule (release 9), or a group of nodes (release 8)."""

    identified_by = ("rule",)

    rule: Annotated[Untrusted, Key("rule", "group")]
    type: Untrusted | None = None
    resources: list[Untrusted] | None = None
    nodes: list[Untrusted] | None = None
    affinity: Untrusted | None = None
    strict: Annotated[bool | None, Key("strict", "restricted")] = None
    disabled: Annotated[bool | None, Key("disable")] = None
    comment: Untrusted | None = None


class HaRulePage(Page[HaRule]):
    """Placement rules."""


class ReplicationJob(Row):
    """A replication of a guest's disks to another node."""

    id: Untrusted
    guest: int | None = None
    target: Untrusted | None = None
    schedule: Untrusted | None = None
    rate_mb_per_s: Annotated[float | None, Key("rate")] = None
    disabled: Annotated[bool | None, Key("disable")] = None
    comment: Untrusted | None = None


class ReplicationPage(Page[ReplicationJob]):
    """Replication jobs."""


class ReplicationState(Row):
    """How a replication job goes on its node. fail_count above 0: error says why."""

    id: Untrusted
    guest: int | None = None
    target: Untrusted | None = None
    last_sync_at: Annotated[int | None, Key("last_sync")] = None
    next_sync_at: Annotated[int | None, Key("next_sync")] = None
    duration_s: Annotated[float | None, Key("duration")] = None
    fail_count: int | None = None
    error: Untrusted | None = None


class ReplicationStatePage(Page[ReplicationState]):
    """State of replication jobs of a node."""
