"""Tools about the system itself: configuration, accounts, network, guests."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

READERS: Call = ("create_privilege", {"name": "readers", "groups": ["family"], "roles": ["READONLY_ADMIN"]})

READS: tuple[Case, ...] = (
    Case("get_settings"),
    Case("get_service_config", {"service": "ssh"}),
    Case("list_privileges"),
    Case("list_roles", {"search": "pool"}),
    Case("list_group_members", {"group": "family"}, missing={"group": "no"}),
)

WRITES: tuple[Case, ...] = (
    # A file that was never fetched is no loss: nothing changed on TrueNAS.
    Case("save_config", {}, "core.download", lost="not_applied"),
    Case(
        "update_ntp_server",
        {"server": "0.debian.pool.ntp.org", "prefer": True, "force": True},
        "system.ntpserver.update",
        missing={"server": "no", "prefer": True},
    ),
    Case(
        "create_privilege",
        {"name": "readers", "groups": ["family"], "roles": ["READONLY_ADMIN"]},
        "privilege.create",
        missing={"name": "readers", "groups": ["no"], "roles": ["READONLY_ADMIN"]},
    ),
    Case(
        "update_privilege",
        {"privilege": "readers", "roles": ["SNAPSHOT_WRITE", "SHARING_SMB_READ"], "groups": ["family", "bob"]},
        "privilege.update",
        (READERS,),
        missing={"privilege": "no", "web_shell": True},
    ),
    Case("delete_privilege", {"privilege": "readers"}, "privilege.delete", (READERS,), missing={"privilege": "no"}),
    Case(
        "set_group_members",
        {"group": "family", "users": ["alice"]},
        "group.update",
        missing={"group": "no", "users": ["alice"]},
    ),
    Case(
        "create_api_key",
        {"name": "backup job", "username": "truenas_admin", "expires_at": "2027-01-31T00:00:00Z"},
        "api_key.create",
        missing={"name": "x", "username": "nobody-here"},
        undo=False,
    ),
    Case(
        "update_api_key",
        {"ref": "spare", "name": "spare 2", "expires_at": "2027-01-31T00:00:00Z"},
        "api_key.update",
        (("!spare-key", {}),),
        missing={"ref": "no", "expires_at": "never"},
    ),
    # Nothing that can be read tells a renewed key from one that is not.
    Case(
        "renew_api_key",
        {"ref": "spare"},
        "api_key.update",
        (("!spare-key", {}),),
        lost="unknown",
        missing={"ref": "no"},
    ),
)
