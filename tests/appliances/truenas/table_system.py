"""Tools about the system itself: configuration, accounts, network, guests."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

READERS: Call = ("create_privilege", {"name": "readers", "groups": ["family"], "roles": ["READONLY_ADMIN"]})

VLAN: Call = ("create_interface", {"name": "vlan20", "kind": "VLAN", "parent": "eno2", "tag": 20})
ROUTE: Call = ("create_static_route", {"destination": "10.50.0.0/16", "gateway": "10.20.0.9"})

READS: tuple[Case, ...] = (
    Case("health"),
    Case("get_settings"),
    Case("get_service_config", {"service": "ssh"}),
    Case("list_privileges"),
    Case("list_roles", {"search": "pool"}),
    Case("network_changes"),
    Case("list_static_routes"),
    Case("get_network"),
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
    Case(
        "renew_api_key",
        {"ref": "spare"},
        "api_key.update",
        (("!spare-key", {}),),
        missing={"ref": "no"},
    ),
    Case(
        "create_interface",
        {"name": "vlan20", "kind": "VLAN", "parent": "eno2", "tag": 20, "addresses": ["10.30.0.2/24"], "mtu": 1500},
        "interface.create",
        lost="not_applied",
        missing={"name": "vlan20", "kind": "VLAN", "parent": "eno9", "tag": 20},
    ),
    Case(
        "delete_interface",
        {"interface": "vlan20"},
        "interface.delete",
        (VLAN,),
        lost="not_applied",
        missing={"interface": "vlan99"},
    ),
    Case("revert_network", {}, "interface.rollback", (("!staged", {}),)),
    Case("confirm_network", {}, "interface.checkin", (("!committed", {}),)),
    Case(
        "create_static_route",
        {"destination": "10.50.0.0/16", "gateway": "10.20.0.9", "description": "lab"},
        "staticroute.create",
    ),
    Case(
        "update_static_route",
        {"route": "10.50.0.0/16", "gateway": "10.20.0.8"},
        "staticroute.update",
        (ROUTE,),
        missing={"route": "10.51.0.0/16", "description": "x"},
    ),
    Case(
        "delete_static_route",
        {"route": "10.50.0.0/16"},
        "staticroute.delete",
        (ROUTE,),
        missing={"route": "10.51.0.0/16"},
    ),
    Case(
        "update_network",
        {"hostname": "nas9", "nameservers": ["10.20.0.1", "10.20.0.2"], "gateway": "10.20.0.2"},
        "network.configuration.update",
    ),
)
