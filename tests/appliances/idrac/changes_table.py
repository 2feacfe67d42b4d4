"""Working calls of the tools that configure one server."""

from __future__ import annotations

from typing import Any

from tests.appliances.idrac.cases import Case

MADE: dict[str, Any] = {"user": "watcher", "role": "Operator"}
CREATED = ("idrac_create_account", MADE)

CHANGES: tuple[Case, ...] = (
    Case("idrac_list_accounts"),
    Case("idrac_list_roles"),
    Case("idrac_create_account", MADE),
    Case("idrac_update_account", {"user": "watcher", "role": "ReadOnly"}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "enabled": False}, (CREATED,), missing={"user": "nobody"}),
    Case("idrac_update_account", {"user": "watcher", "new_password": True}, (CREATED,), blind=True),
    Case("idrac_delete_account", {"user": "watcher"}, (CREATED,), missing={"user": "nobody"}, sends=2),
)
