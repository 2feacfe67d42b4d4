"""`iscsi.*` (contract section 15.8)."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.crud import ALL_VERBS, Crud, Settings, Table
from holdfast.simulators.truenas.errors import EBUSY, EEXIST, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.services import Services
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.query import run_query
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

TARGET_NAME = re.compile(r"[a-z0-9.:-]+")
MAX_LUN = 1023


class Iscsi(Namespace):
    """Portals, initiator groups, credentials, targets, extents and what connects them."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        Settings(self, "iscsi.global", {"id": 1, "basename": "iqn.2005-10.org.freenas.ctl", "isns_servers": []})
        self.portals = Table(box, "iscsi.portal", "Portal")
        self.initiators = Table(box, "iscsi.initiator", "Initiator")
        self.auths = Table(box, "iscsi.auth", "Auth Access")
        self.targets = Table(box, "iscsi.target", "Target")
        self.extents = Table(box, "iscsi.extent", "Extent")
        self.maps = Table(box, "iscsi.targetextent", "Target to Extent")
        self.extents.present = self._present_extent
        Crud(self, self.portals, check=self._check_portal, before_delete=self._free_portal)
        Crud(self, self.initiators, before_delete=self._free_initiator)
        Crud(self, self.auths, check=self._check_auth)
        no_delete = ALL_VERBS[:-1]
        Crud(self, self.targets, unique=("name",), check=self._check_target, verbs=no_delete)
        Crud(self, self.extents, unique=("name",), check=self._check_extent, verbs=no_delete)
        Crud(self, self.maps, check=self._check_map)
        self.add("iscsi.target.delete", self.delete_target)
        self.add("iscsi.extent.delete", self.delete_extent)
        address = box.server.host_ip
        self.choices("iscsi.portal.listen_ip_choices", {"0.0.0.0": "0.0.0.0", "::": "::", address: address})
        for name in ("alua_enabled", "iser_enabled"):
            self.choices(f"iscsi.global.{name}", lambda: False)
        self._populate()

    def _populate(self) -> None:
        self.portals.add({"listen": [{"ip": "0.0.0.0", "port": 3260}], "tag": 1, "comment": "rack"})
        self.initiators.add({"initiators": [], "comment": "any"})
        volume = next((d for d in self.storage.store.datasets.values() if d.is_volume), None)
        if volume is not None:
            group = {"portal": 1, "initiator": 1, "authmethod": "NONE", "auth": None}
            self.targets.add({"name": "vm-store", "mode": "ISCSI", "groups": [group], "rel_tgt_id": 1})
            self.extents.add(self._new_extent({"name": "vm-store", "type": "DISK", "disk": f"zvol/{volume.name}"}))
            self.maps.add({"target": 1, "lunid": 0, "extent": 1})

    def _new_extent(self, row: Row) -> Row:
        digest = hashlib.sha256(f"{self.box.server.service_tag}/{row['name']}".encode()).hexdigest()
        path = row["disk"] if row.get("type", "DISK") == "DISK" else row.get("path")
        return {
            **row,
            "naa": f"0x6589cfc0000{digest[:21]}"[:34],
            "vendor": "TrueNAS",
            "serial": row.get("serial") or digest[:15],
            "path": path,
        }

    def _present_extent(self, row: Row) -> Row:
        path = str(row["path"] or "")
        name = path.removeprefix("/dev/").removeprefix("zvol/")
        dataset = self.storage.store.datasets.get(name) or self.storage.store.dataset_at(path)
        return {**row, "locked": dataset is not None and self.storage.store.locked(dataset)}

    # Checks --------------------------------------------------------------------------------------------------

    def _check_portal(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if not row["listen"]:
            raise invalid(f"{prefix}.listen", "At least one listen entry is required.")
        known = {"0.0.0.0", "::", self.box.server.host_ip}
        for index, entry in enumerate(row["listen"]):
            if entry["ip"] not in known:
                raise invalid(f"{prefix}.listen.{index}.ip", f"IP {entry['ip']} not configured on this system.")
            entry.setdefault("port", 3260)
            for other in self.portals:
                if other["id"] != (old or {}).get("id") and any(e["ip"] == entry["ip"] for e in other["listen"]):
                    raise invalid(f"{prefix}.listen.{index}", f"{entry['ip']}:3260 already in use.", EEXIST)
        row.setdefault("tag", max((p["tag"] for p in self.portals), default=0) + 1)

    def _used_by_targets(self, key: str, number: int) -> list[str]:
        return [t["name"] for t in self.targets if any(group.get(key) == number for group in t["groups"])]

    def _free_portal(self, call: Call, row: Row) -> None:
        users = self._used_by_targets("portal", row["id"])
        if users:
            raise CallError(f"Portal is used by target(s): {', '.join(users)}", EBUSY, {"dependencies": users})

    def _free_initiator(self, call: Call, row: Row) -> None:
        users = self._used_by_targets("initiator", row["id"])
        if users:
            raise CallError(f"Initiator group is used by target(s): {', '.join(users)}", EBUSY, {"dependencies": users})

    @staticmethod
    def _check_auth(call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if not 12 <= len(row["secret"]) <= 16:
            raise invalid(f"{prefix}.secret", "Secret must be between 12 and 16 characters.")
        if row.get("peeruser"):
            if not 12 <= len(row.get("peersecret") or "") <= 16:
                raise invalid(f"{prefix}.peersecret", "Peer secret must be between 12 and 16 characters.")
            if row["peersecret"] == row["secret"]:
                raise invalid(f"{prefix}.peersecret", "The peer secret cannot be the same as user secret.")

    @method("iscsi.target.validate_name")
    def validate_name(self, call: Call, name: str, existing: int | None) -> str | None:
        """Why a target may not have this name; null when it may."""
        if not TARGET_NAME.fullmatch(name):
            return "Only lowercase alphanumeric characters plus dot (.), dash (-), and colon (:) are allowed."
        other = self.targets.first(name=name)
        return "Target with this name already exists" if other is not None and other["id"] != existing else None

    def _check_target(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if not TARGET_NAME.fullmatch(row["name"]):
            text = "Only lowercase alphanumeric characters plus dot (.), dash (-), and colon (:) are allowed."
            raise invalid(f"{prefix}.name", text)
        tables = {"portal": self.portals, "initiator": self.initiators}
        for index, group in enumerate(row.get("groups") or []):
            for key, table in tables.items():
                if group.get(key) is not None and group[key] not in table.rows:
                    raise invalid(
                        f"{prefix}.groups.{index}.{key}", f"{key.title()} {group[key]} does not exist", ENOENT
                    )
            if group.get("auth") is not None and self.auths.first(tag=group["auth"]) is None:
                raise invalid(f"{prefix}.groups.{index}.auth", f"Auth {group['auth']} does not exist", ENOENT)
            if group.get("authmethod", "NONE") != "NONE" and group.get("auth") is None:
                raise invalid(f"{prefix}.groups.{index}.auth", "Authentication group is required for CHAP")
        row.setdefault("rel_tgt_id", max((t["rel_tgt_id"] for t in self.targets), default=0) + 1)

    def _check_extent(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if row["type"] == "DISK":
            disk = row.get("disk")
            if not disk:
                raise invalid(f"{prefix}.disk", "This field is required")
            dataset = self.storage.store.datasets.get(disk.removeprefix("zvol/"))
            if not disk.startswith("zvol/") or dataset is None or not dataset.is_volume:
                raise invalid(f"{prefix}.disk", f"{disk} does not exist", ENOENT)
            users = [e["name"] for e in self.extents if e["disk"] == disk and e["id"] != (old or {}).get("id")]
            if users:
                raise invalid(f"{prefix}.disk", f"Disk currently in use by extent {users[0]}", EBUSY)
        else:
            if not row.get("path"):
                raise invalid(f"{prefix}.path", "This field is required")
            if self.storage.store.dataset_at(row["path"]) is None:
                raise invalid(f"{prefix}.path", "The path must reside within a pool mount point")
            size, block = int(row.get("filesize") or 0), int(row.get("blocksize", 512))
            if size == 0 or size % block:
                raise invalid(f"{prefix}.filesize", "File size must be a multiple of block size")
        row.update(self._new_extent(row))

    def _check_map(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        for key, table in (("target", self.targets), ("extent", self.extents)):
            if row[key] not in table.rows:
                raise invalid(f"{prefix}.{key}", f"{key.title()} {row[key]} does not exist", ENOENT)
        own = (old or {}).get("id")
        others = [m for m in self.maps if m["id"] != own]
        if any(m["extent"] == row["extent"] for m in others):
            raise invalid(f"{prefix}.extent", "Extent is already in use", EEXIST)
        taken = {m["lunid"] for m in others if m["target"] == row["target"]}
        if row.get("lunid") is None:
            row["lunid"] = next(number for number in range(MAX_LUN + 1) if number not in taken)
        elif row["lunid"] in taken:
            raise invalid(f"{prefix}.lunid", "LUN ID is already being used for this target.", EEXIST)

    # Deleting ------------------------------------------------------------------------------------------------

    def delete_target(self, call: Call, number: int, force: bool, delete_extents: bool) -> bool:
        """Delete a target and its maps; with `delete_extents` its extents too. In use: only with `force`."""
        target = self.targets.get(number)
        if self._sessions_of(target["name"]) and not force:
            raise CallError(f"Target {target['name']} is in use.", EBUSY)
        for row in [m for m in self.maps if m["target"] == number]:
            self.maps.remove(row["id"])
            if delete_extents:
                self.extents.remove(row["extent"])
        self.targets.remove(number)
        return True

    def delete_extent(self, call: Call, number: int, remove: bool, force: bool) -> bool:
        """Delete an extent and its maps; `remove` erases a file extent's file. In use: only with `force`."""
        extent = self.extents.get(number)
        maps = [m for m in self.maps if m["extent"] == number]
        active = [self.targets.rows[m["target"]]["name"] for m in maps]
        if any(self._sessions_of(name) for name in active) and not force:
            raise CallError(f"Associated target {active[0]} is in use.", EBUSY)
        for row in maps:
            self.maps.remove(row["id"])
        if remove and extent["type"] == "FILE":
            from holdfast.simulators.truenas.methods.filesystem import Filesystem

            self.box.get(Filesystem).nodes.pop(extent["path"], None)
        self.extents.remove(number)
        return True

    @method("iscsi.extent.disk_choices")
    def disk_choices(self, call: Call) -> Row:
        """Volumes that no extent uses."""
        used = {row["disk"] for row in self.extents}
        volumes = (d.name for d in self.storage.store.datasets.values() if d.is_volume)
        return {f"zvol/{name}": name for name in sorted(volumes) if f"zvol/{name}" not in used}

    # Sessions ------------------------------------------------------------------------------------------------

    def _sessions_of(self, name: str) -> list[Row]:
        return [row for row in self._all_sessions() if row["target"].endswith(f":{name}")]

    def _all_sessions(self) -> list[Row]:
        """While the service runs, the first Proxmox node uses the first target."""
        target = next(iter(self.targets), None)
        nodes = [server for server in self.box.world.servers if server.role == "proxmox"]
        if target is None or not nodes or not self.box.get(Services).running("iscsitarget"):
            return []
        node = nodes[0]
        return [
            {
                "initiator": f"iqn.1993-08.org.debian:01:{node.service_tag.lower()}",
                "initiator_addr": node.host_ip,
                "initiator_alias": node.hostname,
                "target": f"iqn.2005-10.org.freenas.ctl:{target['name']}",
                "target_alias": target["name"],
                "header_digest": None,
                "data_digest": None,
                "max_data_segment_length": 262_144,
                "max_receive_data_segment_length": 262_144,
                "max_xmit_data_segment_length": 262_144,
                "max_burst_length": 1_048_576,
                "first_burst_length": 65_536,
                "immediate_data": True,
                "iser": False,
                "offload": False,
            }
        ]

    @method("iscsi.global.sessions")
    def sessions(self, call: Call, filters: list[Json], options: Row) -> Json:
        """Initiators that are logged in."""
        return run_query(self._all_sessions(), filters, options)

    @method("iscsi.global.client_count")
    def client_count(self, call: Call) -> int:
        """Number of initiators that are logged in."""
        return len(self._all_sessions())
