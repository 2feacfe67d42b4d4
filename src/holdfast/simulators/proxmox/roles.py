"""Privileges and the roles that come with the product (contract section 3)."""

from __future__ import annotations

from typing import Final

_AGENT: Final = ("Audit", "FileRead", "FileSystemMgmt", "FileWrite", "Unrestricted")
_COMMON: Final = frozenset(
    f"{area}.{name}"
    for area, names in {
        "Datastore": ("Allocate", "AllocateSpace", "AllocateTemplate", "Audit"),
        "Group": ("Allocate",),
        "Mapping": ("Audit", "Modify", "Use"),
        "Permissions": ("Modify",),
        "Pool": ("Allocate", "Audit"),
        "Realm": ("Allocate", "AllocateUser"),
        "SDN": ("Allocate", "Audit", "Use"),
        "Sys": ("AccessNetwork", "Audit", "Console", "Incoming", "Modify", "PowerMgmt", "Syslog"),
        "User": ("Modify",),
        "VM": ("Allocate", "Audit", "Backup", "Clone", "Console", "Migrate", "PowerMgmt", "Snapshot"),
        "VM.Config": ("CDROM", "CPU", "Cloudinit", "Disk", "HWType", "Memory", "Network", "Options"),
        "VM.Snapshot": ("Rollback",),
    }.items()
    for name in names
)
_SYSTEM_ONLY: Final = frozenset(
    {
        "Permissions.Modify",
        "Realm.Allocate",
        "Sys.AccessNetwork",
        "Sys.Incoming",
        "Sys.Modify",
        "Sys.PowerMgmt",
    }
)


def privileges(release: str) -> frozenset[str]:
    """All privileges a release knows; 9.0 split `VM.Monitor` into guest agent privileges and added `VM.Replicate`."""
    if release.startswith("8"):
        return _COMMON | {"VM.Monitor"}
    return _COMMON | {"VM.Replicate"} | {f"VM.GuestAgent.{part}" for part in _AGENT}


def builtin_roles(release: str) -> dict[str, frozenset[str]]:
    """The roles that cannot be changed or deleted."""
    known = privileges(release)

    def pick(*prefixes: str) -> frozenset[str]:
        return frozenset(name for name in known if name.startswith(prefixes))

    audit = frozenset(name for name in known if name.endswith(".Audit"))
    machines = pick("VM.")
    roles = {
        "Administrator": known,
        "NoAccess": frozenset[str](),
        "PVEAdmin": known - _SYSTEM_ONLY,
        "PVEAuditor": audit,
        "PVEDatastoreAdmin": pick("Datastore."),
        "PVEDatastoreUser": frozenset({"Datastore.AllocateSpace", "Datastore.Audit"}),
        "PVEMappingAdmin": pick("Mapping."),
        "PVEMappingAuditor": frozenset({"Mapping.Audit"}),
        "PVEMappingUser": frozenset({"Mapping.Audit", "Mapping.Use"}),
        "PVEPoolAdmin": pick("Pool."),
        "PVEPoolUser": frozenset({"Pool.Audit"}),
        "PVESDNAdmin": pick("SDN."),
        "PVESDNUser": frozenset({"SDN.Audit", "SDN.Use"}),
        "PVESysAdmin": frozenset({"Sys.Audit", "Sys.Console", "Sys.Syslog"}),
        "PVETemplateUser": frozenset({"VM.Audit", "VM.Clone"}),
        "PVEUserAdmin": frozenset({"Group.Allocate", "Realm.AllocateUser", "User.Modify"}),
        "PVEVMAdmin": machines,
        "PVEVMUser": frozenset(
            {"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.PowerMgmt"}
        )
        | pick("VM.GuestAgent."),
    }
    return {name: held & known for name, held in roles.items()}
