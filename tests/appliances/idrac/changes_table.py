"""Working calls of the tools that configure one server."""

from __future__ import annotations

from typing import Any

from tests.appliances.idrac.cases import Case, bmc_of
from tests.support.rooms import Room

MADE: dict[str, Any] = {"user": "watcher", "role": "Operator"}
CREATED = ("idrac_create_account", MADE)
ADDRESS = {"address": "10.0.90.77/24", "gateway": "10.0.90.1"}


def an_hour_ahead(lab: Room) -> None:
    bmc_of(lab).time_offset = 3600.0


CHANGES: tuple[Case, ...] = (
    Case("idrac_list_accounts"),
    Case("idrac_list_roles"),
    Case("idrac_create_account", MADE),
    Case("idrac_update_account", {"user": "watcher", "role": "ReadOnly"}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "enabled": False}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "new_password": True}, (CREATED,), blind=True),
    Case("idrac_delete_account", {"user": "watcher"}, (CREATED,), missing={"user": "nobody"}, sends=2),
    Case("idrac_get_network"),
    Case("idrac_set_network", {"host_name": "bmc-7"}),
    Case("idrac_set_network", {"ntp": ["ntp1.example", "ntp2.example"]}),
    Case("idrac_set_network", {"dns": ["10.0.10.53"], "domain": "mgmt.example"}, lacking=("8",)),
    Case("idrac_set_address", ADDRESS),
    Case("idrac_set_clock", world=an_hour_ahead),
    Case("idrac_list_attributes", {"group": "system"}, lacking=("8",)),
    Case("idrac_set_attributes", {"group": "system", "attributes": {"LCD.1.UserDefinedString": "x"}}, lacking=("8",)),
)
