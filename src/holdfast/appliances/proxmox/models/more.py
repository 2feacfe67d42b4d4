"""Ceph, SDN and what no other tool reads."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.proxmox.reading import Key
from holdfast.control.answers import Answer, Changed, Page, Row
from holdfast.control.cleaning import Untrusted, UntrustedJson, UntrustedText


class CephStatus(Answer):
    """Health and capacity of the Ceph cluster. checks: what is wrong; pgs: placement groups by state."""

    health: Untrusted
    checks: UntrustedJson | None = None
    monitors: list[Untrusted] | None = None
    osds: int | None = None
    osds_up: int | None = None
    osds_in: int | None = None
    used_bytes: int | None = None
    total_bytes: int | None = None
    pgs: UntrustedJson | None = None
    flags: list[Untrusted] | None = None


class Osd(Row):
    """An object storage daemon."""

    id: int
    host: Untrusted | None = None
    status: Untrusted | None = None
    inside: Annotated[bool | None, Key("in")] = None
    device_class: Untrusted | None = None
    used_fraction: float | None = None
    total_bytes: Annotated[int | None, Key("total_space")] = None
    reweight: float | None = None


class OsdPage(Page[Osd]):
    """OSDs."""


class CephPool(Row):
    """A Ceph pool."""

    name: Annotated[Untrusted, Key("pool_name")]
    size: int | None = None
    min_size: int | None = None
    pg_num: int | None = None
    autoscale: Annotated[Untrusted | None, Key("pg_autoscale_mode")] = None
    used_bytes: Annotated[int | None, Key("bytes_used")] = None
    used_fraction: Annotated[float | None, Key("percent_used")] = None
    rule: Annotated[Untrusted | None, Key("crush_rule_name")] = None


class CephPoolPage(Page[CephPool]):
    """Ceph pools."""


class SdnRow(Row):
    """An SDN object. state: new, changed or deleted while it waits to be applied."""

    kind: Untrusted
    name: Untrusted
    type: Untrusted | None = None
    zone: Untrusted | None = None
    state: Untrusted | None = None
    settings: UntrustedJson | None = None


class SdnPage(Page[SdnRow]):
    """SDN objects."""


class SdnPreview(Answer):
    """What applying the SDN configuration would change on a node."""

    node: Untrusted
    interfaces_diff: Annotated[UntrustedText | None, Key("interfaces-diff")] = None
    frr_diff: Annotated[UntrustedText | None, Key("frr-diff")] = None


class RawAnswer(Answer):
    """An answer as Proxmox gives it: a list as items, an object or a single value as value."""

    path: Untrusted
    items: list[UntrustedJson] | None = None
    value: UntrustedJson | None = None
    total: int | None = None
    next_cursor: Untrusted | None = None
    changed: Changed | None = None
