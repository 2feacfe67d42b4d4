"""Grammars of what an iDRAC names: jobs, resources, attributes (contract 2, 15)."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from holdfast.control.grammar import Grammar

DellJobId: TypeAlias = Annotated[
    str,
    Grammar(
        "job id",
        r"(?:(?:JID|RID)_[0-9]{1,20}|[0-9a-z][0-9a-z-]{0,35})",
        36,
        "job id JID_… or RID_…, or another vendor's",
        ("JID_764401982115", "RID_764401982116"),
    ),
]
RedfishId: TypeAlias = Annotated[
    str,
    Grammar(
        "Redfish id",
        r"[A-Za-z0-9][A-Za-z0-9_.:+-]*",
        200,
        "Id of a Redfish resource",
        (
            "System.Embedded.1",
            "Disk.Bay.0:Enclosure.Internal.0-1:RAID.Integrated.1-1",
            "Installed-25227-2.19.1__BIOS.Setup.1-1",
        ),
    ),
]
AttributeName: TypeAlias = Annotated[
    str,
    Grammar(
        "attribute",
        r"[A-Za-z][A-Za-z0-9_-]*(?:[.#][A-Za-z0-9_-]+)*",
        128,
        "attribute name: BootMode, NIC.1.DNSRacName",
        ("BootMode", "NIC.1.DNSRacName", "ServerBoot.1#BootOnce"),
    ),
]
