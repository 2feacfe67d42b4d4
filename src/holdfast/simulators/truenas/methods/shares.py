"""`sharing.smb.*`, `sharing.nfs.*`, `smb.*`, `nfs.*` (contract section 15.8)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import Crud, Settings, Table
from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.services import Services
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

CHARSETS = ("UTF-8", "GB2312", "BIG5", "CP437", "CP850", "EUC_JP")
EVERYONE: Row = {
    "ae_who_sid": "S-1-1-0",
    "ae_who_id": None,
    "ae_who_str": None,
    "ae_perm": "FULL",
    "ae_type": "ALLOWED",
}
RESERVED_NAMES = frozenset({"global", "homes", "printers", "ipc$"})


class Shares(Namespace):
    """SMB and NFS shares, their services' settings, and who uses them."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        address = box.server.host_ip
        self.smb = Table(box, "sharing.smb", "SMB Share")
        self.smb.present = self._locked
        Crud(self, self.smb, check=self._check_smb)
        self.nfs = Table(box, "sharing.nfs", "NFS Share")
        self.nfs.present = self._locked
        Crud(self, self.nfs, check=self._check_nfs)
        self.acls: dict[str, list[Row]] = {}
        values: Row = {
            "id": 1,
            "netbiosname": box.hostname,
            "netbiosalias": [],
            "workgroup": "WORKGROUP",
            "description": "TrueNAS Server",
            "unixcharset": "UTF-8",
            "localmaster": True,
            "aapl_extensions": False,
            "enable_smb1": False,
            "minimum_protocol": "SMB2",
            "guest": "nobody",
            "filemask": "DEFAULT",
            "dirmask": "DEFAULT",
            "encryption": "DEFAULT",
            "server_sid": "S-1-5-21-1000-2000-3000",
            "bindip": [],
        }
        Settings(self, "smb", values, after=self._keep_protocols)
        Settings(self, "nfs", {"id": 1, "servers": None, "protocols": ["NFSV3", "NFSV4"], "managed_nfsd": True})
        self.choices("smb.bindip_choices", {address: address})
        self.choices("nfs.bindip_choices", {address: address})
        self.choices("smb.unixcharset_choices", {name: name for name in CHARSETS})
        presets = {"DEFAULT_SHARE": {"verbose_name": "Default share parameters", "params": {}, "cluster": False}}
        self.choices("sharing.smb.presets", presets)
        for share in box.world.shares:
            if share.kind == "smb":
                self.smb.add({"name": share.name, "path": share.path, "purpose": "DEFAULT_SHARE", "enabled": True})
            elif share.kind == "nfs":
                self.nfs.add(
                    {"path": share.path, "comment": share.name, "networks": [box.world.lan_network], "enabled": True}
                )

    def _locked(self, row: Row) -> Row:
        path = str(row["path"])
        shown = {**row, "path_local": path, "locked": self.storage.store.path_locked(path)}
        dataset = self.storage.store.dataset_at(path)
        if dataset is not None:
            shown |= {"dataset": dataset.name, "relative_path": path.removeprefix(f"/mnt/{dataset.name}").strip("/")}
        return shown

    @staticmethod
    def _keep_protocols(call: Call, row: Row, old: Row | None) -> None:
        """25.10 and 26 name the same setting differently."""
        if old is not None and row["enable_smb1"] != old["enable_smb1"]:
            row["minimum_protocol"] = "SMB1" if row["enable_smb1"] else "SMB2"
        row["enable_smb1"] = row["minimum_protocol"] == "SMB1"

    def _check_smb(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        self._check_name(row["name"], f"{prefix}.name", old["id"] if old is not None else None)
        if row["path"] != "EXTERNAL":
            self.storage.check_path(row["path"], f"{prefix}.path")
        options = row.get("options")
        if isinstance(options, dict) and options.get("purpose") != row.get("purpose"):
            text = f"{options.get('purpose')}: purpose of options does not match the share's {row.get('purpose')}"
            raise invalid(f"{prefix}.options", text)
        if (row.get("path") == "EXTERNAL") != (row.get("purpose") == "EXTERNAL_SHARE"):
            raise invalid(f"{prefix}.path", "Only shares of purpose EXTERNAL_SHARE have the path EXTERNAL")

    def _check_name(self, name: str, attribute: str, own: int | None) -> None:
        if name.casefold() in RESERVED_NAMES or any(char in '\\/[]:|<>+=;,*?"' for char in name) or not name.strip():
            raise invalid(attribute, f"{name} is a reserved or invalid share name")
        for other in self.smb:
            if other["name"].casefold() == name.casefold() and other["id"] != own:
                raise invalid(
                    attribute, "Share with this name already exists. Share names are case-insensitive.", EEXIST
                )

    @method("sharing.smb.share_precheck")
    def share_precheck(self, call: Call, data: Row) -> None:
        """Refuse what would make creating a share fail."""
        if not any(user["smb"] and not user["locked"] for user in self.box.get(Accounts).users):
            raise invalid("sharing.smb.share_precheck", "There are no SMB users")
        if data.get("name") is not None:
            self._check_name(data["name"], "sharing.smb.share_precheck.name", None)

    def _share(self, name: str) -> Row:
        share = self.smb.first(name=name)
        if share is None:
            raise CallError(f"{name}: share does not exist", ENOENT)
        return share

    @method("sharing.smb.getacl")
    def getacl(self, call: Call, data: Row) -> Row:
        """Who may use a share over SMB."""
        self._share(data["share_name"])
        return {"share_name": data["share_name"], "share_acl": self.acls.get(data["share_name"], [dict(EVERYONE)])}

    @method("sharing.smb.setacl")
    def setacl(self, call: Call, data: Row) -> Row:
        """Say who may use a share over SMB."""
        self._share(data["share_name"])
        for index, entry in enumerate(data["share_acl"]):
            if not any(entry.get(key) is not None for key in ("ae_who_sid", "ae_who_id", "ae_who_str")):
                text = "You must set ae_who_sid, ae_who_str or ae_who_id"
                raise invalid(f"smb_setacl.share_acl.{index}", text)
        self.acls[data["share_name"]] = [{**dict.fromkeys(EVERYONE), **entry} for entry in data["share_acl"]]
        return self.getacl(call, data)

    def _check_nfs(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        self.storage.check_path(row["path"], f"{prefix}.path")
        for index, network in enumerate(row.get("networks") or []):
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise invalid(f"{prefix}.networks.{index}", f"{network} is not a valid network") from error
        if row.get("maproot_group") and not row.get("maproot_user"):
            raise invalid(f"{prefix}.maproot_user", "This field is required when map group is specified")
        if row.get("mapall_user") and row.get("maproot_user"):
            raise invalid(f"{prefix}.mapall_user", "maproot_user disqualifies mapall_user")
        accounts = self.box.get(Accounts)
        for name in ("maproot_user", "mapall_user"):
            if row.get(name) and accounts.users.first(username=row[name]) is None:
                raise invalid(f"{prefix}.{name}", "User not found", ENOENT)
        for other in self.nfs:
            same_scope = other["path"] == row["path"] and set(other["networks"]) & set(row.get("networks") or [])
            both_open = other["path"] == row["path"] and not other["networks"] and not row.get("networks")
            if (same_scope or both_open) and (old is None or other["id"] != old["id"]):
                text = f"ERROR - Another NFS share already exports {row['path']} for the same networks"
                raise invalid(f"{prefix}.networks", text, EEXIST)

    # Who uses them -------------------------------------------------------------------------------------------

    def _mounts(self) -> list[tuple[str, str]]:
        """(client address, exported path) of Proxmox nodes that are up, while NFS runs."""
        if not self.box.get(Services).running("nfs"):
            return []
        world = self.box.world
        nodes = [s for s in world.servers if s.role == "proxmox" and s.hostname not in world.offline_nodes]
        exported = {row["path"] for row in self.nfs if row["enabled"]}
        return [
            (node.host_ip, share.path)
            for share in world.shares
            if share.kind == "nfs" and share.used_by and share.path in exported
            for node in nodes
        ]

    @method("nfs.client_count")
    def nfs_client_count(self, call: Call) -> int:
        """Number of NFS clients."""
        return len({address for address, _ in self._mounts()})

    @method("nfs.get_nfs3_clients")
    def nfs3_clients(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Clients of NFS 3 (the rack's nodes use 4)."""
        return run_query([], filters, options)

    @method("nfs.get_nfs4_clients")
    def nfs4_clients(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Clients of NFS 4 and what they hold open."""
        addresses = sorted({address for address, _ in self._mounts()})
        rows: list[Row] = [
            {
                "id": str(number),
                "info": {
                    "clientid": f"0x{number:016x}",
                    "address": f"{address}:911",
                    "status": "confirmed",
                    "minor version": 2,
                },
                "states": [
                    {f"0x{index:08x}": {"type": "open", "access": "rw", "superblock": path, "filename": ""}}
                    for index, (other, path) in enumerate(self._mounts())
                    if other == address
                ],
            }
            for number, address in enumerate(addresses, start=1)
        ]
        return run_query(rows, filters, options)

    @method("smb.status")
    def smb_status(self, call: Call, level: str, filters: list[Json], options: Row, more: Row) -> Json:
        """Sessions, open shares and locks (not on 25.10): alice works in the first share."""
        share = next((row for row in self.smb if row["enabled"]), None)
        if share is None or not self.box.get(Services).running("cifs"):
            return run_query([], filters, options)
        session: Row = {
            "session_id": "3816420",
            "server_id": {"pid": "4711", "task_id": "0", "vnn": "4294967295", "unique_id": "1122334455"},
            "uid": 3001,
            "gid": 3001,
            "username": "alice",
            "groupname": "alice",
            "remote_machine": "10.20.0.55",
            "hostname": "ipv4:10.20.0.55:50233",
            "session_dialect": "SMB3_11",
            "encryption": {"cipher": "-", "degree": "none"},
            "signing": {"cipher": "AES-128-GMAC", "degree": "partial"},
        }
        connection: Row = {
            "service": share["name"],
            "server_id": session["server_id"],
            "tcon_id": "12",
            "session_id": session["session_id"],
            "machine": "10.20.0.55",
        }
        levels: dict[str, list[Row]] = {
            "SESSIONS": [session],
            "SHARES": [connection],
            "LOCKS": [],
            "BYTERANGE": [],
            "NOTIFICATIONS": [],
            "ALL": [{**session, "share_connections": [connection], "opens": []}],
        }
        return run_query(levels[level], filters, options)
