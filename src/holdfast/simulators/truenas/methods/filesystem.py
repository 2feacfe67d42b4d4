"""`filesystem.*`: directories, ownership and ACLs of paths under pools (contract section 15.5)."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import EEXIST, ENOENT, CallError, Json, Row, invalid
from holdfast.simulators.truenas.methods.accounts import Accounts
from holdfast.simulators.truenas.methods.storage import Storage
from holdfast.simulators.truenas.registry import Namespace, Step, Steps, method
from holdfast.simulators.truenas.storage.datasets import Dataset
from holdfast.simulators.truenas.storage.pools import human_size

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

DIRECTORY, REGULAR = 0o040000, 0o100000
BLOCK = 131_072


@dataclass
class Node:
    """A file or directory that is not a dataset's root. `content` is None for directories."""

    mode: int
    uid: int = 0
    gid: int = 0
    content: bytes | None = None
    acl: Row | None = None
    attributes: dict[str, bool] = field(default_factory=dict)


class Filesystem(Namespace):
    """Paths. A path on a locked dataset lies on its parent, as it does when nothing is mounted."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.storage = box.get(Storage)
        self.store = self.storage.store
        self.nodes: dict[str, Node] = {}
        for name in ("alice", "bob"):
            home = next((share.path for share in box.world.shares if share.kind == "smb"), None)
            if home is not None:
                self.nodes[f"{home}/{name}"] = Node(0o770, 3001, 3001)

    def _root(self, path: str) -> Dataset | None:
        name = path.removeprefix("/mnt/").rstrip("/")
        dataset = self.store.datasets.get(name) if path.startswith("/mnt/") else None
        return dataset if dataset is not None and not dataset.is_volume else None

    def exists(self, path: str) -> bool:
        """Whether something is at this path."""
        return self._root(path) is not None or path.rstrip("/") in self.nodes or path in ("/mnt", "/mnt/")

    def find(self, path: str) -> Dataset | Node:
        """What is at this path. CallError (ENOENT) when nothing is."""
        found = self._root(path) or self.nodes.get(path.rstrip("/"))
        if found is None:
            raise CallError(f"Path {path} not found", ENOENT)
        return found

    def _entry(self, path: str) -> Row:
        found = self.find(path)
        directory = isinstance(found, Dataset) or found.content is None
        size = 0 if isinstance(found, Dataset) or found.content is None else len(found.content)
        return {
            "name": path.rstrip("/").rpartition("/")[2],
            "path": path.rstrip("/"),
            "realpath": path.rstrip("/"),
            "type": "DIRECTORY" if directory else "FILE",
            "size": size if not directory else 4,
            "allocation_size": 512 if directory else max(512, size),
            "mode": (DIRECTORY if directory else REGULAR) | found.mode,
            "mount_id": 100,
            "acl": found.acl is not None,
            "uid": found.uid,
            "gid": found.gid,
            "is_mountpoint": isinstance(found, Dataset),
            "is_ctldir": False,
            "attributes": [],
            "xattrs": [],
            "zfs_attrs": ["ARCHIVE"],
        }

    @method("filesystem.stat")
    def stat(self, call: Call, path: str) -> Row:
        """What `stat` tells, with owner names."""
        found = self.find(path)
        entry = self._entry(path)
        moment = self.box.clock.now() - 3600
        return {
            **{key: entry[key] for key in entry if key not in ("name", "path", "xattrs", "zfs_attrs")},
            **dict.fromkeys(("atime", "mtime", "ctime", "btime"), round(moment, 3)),
            "dev": 51,
            "inode": int(hashlib.sha256(path.encode()).hexdigest()[:8], 16),
            "nlink": 2,
            "user": self._user(found.uid),
            "group": self._group(found.gid),
        }

    def _user(self, uid: int) -> str | None:
        row = self.box.get(Accounts).users.first(uid=uid)
        return str(row["username"]) if row is not None else None

    def _group(self, gid: int) -> str | None:
        row = self.box.get(Accounts).groups.first(gid=gid)
        return str(row["name"]) if row is not None else None

    @method("filesystem.statfs")
    def statfs(self, call: Call, path: str) -> Row:
        """Sizes of the file system that holds a path."""
        self.find(path)
        dataset = self.store.dataset_at(path)
        if dataset is None:
            raise CallError(f"Path {path} not found", ENOENT)
        used, free = self.store.used(dataset), self.store.available(dataset)
        sizes = {"total": used + free, "free": free, "avail": free}
        row: Row = {
            "flags": ["RW", "XATTR", "POSIXACL", "CASESENSITIVE", "NOATIME"],
            "fsid": hashlib.sha256(dataset.name.encode()).hexdigest()[:16],
            "fstype": "zfs",
            "source": dataset.name,
            "dest": f"/mnt/{dataset.name}",
            "blocksize": BLOCK,
            "files": 1000,
            "free_files": free // 512,
            "name_max": 255,
        }
        for name, size in sizes.items():
            row[f"{name}_blocks"], row[f"{name}_blocks_str"] = size // BLOCK, str(size // BLOCK)
            row[f"{name}_bytes"], row[f"{name}_bytes_str"] = size, str(size)
        return row

    @method("filesystem.listdir")
    def listdir(self, call: Call, path: str, filters: list[Json], options: Row) -> Json:
        """What a directory holds."""
        base = path.rstrip("/")
        if base != "/mnt":
            found = self.find(base)
            if isinstance(found, Node) and found.content is not None:
                raise CallError(f"Path {path} is not a directory", 20)
        children = {
            f"/mnt/{name}" for name, d in self.store.datasets.items() if not d.is_volume and not self.store.locked(d)
        }
        paths = [p for p in (*children, *self.nodes) if p.rpartition("/")[0] == base]
        return call.query([self._entry(entry) for entry in sorted(paths)], filters, options)

    @method("filesystem.mkdir")
    def mkdir(self, call: Call, data: Row) -> Row:
        """Make a directory in an existing one."""
        path = data["path"].rstrip("/")
        if not path.startswith("/mnt/") or self.store.dataset_at(path) is None:
            raise invalid("filesystem_mkdir.path", "Path must be within a pool")
        if self.exists(path):
            raise CallError(f"{path}: path already exists", EEXIST)
        if not self.exists(path.rpartition("/")[0]):
            raise CallError(f"{path.rpartition('/')[0]}: parent directory does not exist", ENOENT)
        self.nodes[path] = Node(int(data["options"]["mode"], 8))
        return self._entry(path)

    # Ownership and permissions -------------------------------------------------------------------------------

    def _ids(self, data: Row) -> tuple[int | None, int | None]:
        """uid and gid by number or name; None leaves them."""
        accounts = self.box.get(Accounts)
        uid, gid = data.get("uid"), data.get("gid")
        if data.get("user") is not None:
            user = accounts.users.first(username=data["user"])
            if user is None:
                raise invalid("filesystem.user", f"{data['user']}: user does not exist", ENOENT)
            uid = user["uid"]
        if data.get("group") is not None:
            group = accounts.groups.first(name=data["group"])
            if group is None:
                raise invalid("filesystem.group", f"{data['group']}: group does not exist", ENOENT)
            gid = group["gid"]
        return (None if uid in (None, -1) else uid), (None if gid in (None, -1) else gid)

    def _targets(self, path: str, options: Row) -> list[Dataset | Node]:
        """The path itself, with `recursive` what is in it, with `traverse` datasets below too."""
        if not path.startswith("/mnt/") or path.rstrip("/").count("/") < 2:
            raise invalid("path", "Changes to permissions of this path are not permitted")
        if self.store.path_locked(path):
            raise CallError(f"{path}: path component is in a locked dataset", 205)
        targets: list[Dataset | Node] = [self.find(path)]
        if options.get("recursive"):
            base = path.rstrip("/") + "/"
            targets += [node for name, node in self.nodes.items() if name.startswith(base)]
            if options.get("traverse"):
                inside = base.removeprefix("/mnt/")
                targets += [d for d in self.store.datasets.values() if d.name.startswith(inside) and not d.is_volume]
        return targets

    @method("filesystem.setperm")
    def setperm(self, call: Call, data: Row) -> Steps:
        """Set mode and owner; an ACL that is there must be stripped with `stripacl`."""
        options = data["options"]
        targets = self._targets(data["path"], options)
        uid, gid = self._ids(data)
        if data.get("mode") is None and not options.get("stripacl"):
            raise invalid(
                "filesystem_setperm.mode",
                "Payload must either explicitly specify permissions or contain the stripacl option.",
            )
        if data.get("mode") is not None and int(data["mode"], 8) == 0:
            raise invalid("filesystem_setperm.mode", "Empty permissions are not permitted.")
        if targets[0].acl is not None and not options.get("stripacl"):
            raise invalid(
                "filesystem_setperm.mode",
                f"Non-trivial ACL present on [{data['path']}]. Option stripacl required to change permission.",
            )
        yield Step(20, "Setting permissions")
        for target in targets:
            if data.get("mode") is not None:
                target.mode = int(data["mode"], 8)
            if options.get("stripacl"):
                target.acl = None
            target.uid, target.gid = target.uid if uid is None else uid, target.gid if gid is None else gid

    @method("filesystem.chown")
    def chown(self, call: Call, data: Row) -> Steps:
        """Set the owner."""
        targets = self._targets(data["path"], data["options"])
        uid, gid = self._ids(data)
        if uid is None and gid is None:
            raise invalid("filesystem_chown.uid", "Please specify either user or group to change.")
        yield Step(20, "Changing owner")
        for target in targets:
            target.uid, target.gid = target.uid if uid is None else uid, target.gid if gid is None else gid

    def _acl_type(self, path: str) -> str:
        dataset = self.store.dataset_at(path)
        kind = self.store.effective(dataset, "acltype")[0] if dataset is not None else "off"
        return {"nfsv4": "NFS4", "posix": "POSIX1E"}.get(kind, "DISABLED")

    @method("filesystem.getacl")
    def getacl(self, call: Call, path: str, simplified: bool, resolve_ids: bool) -> Row:
        """The ACL of a path, or what its mode bits amount to."""
        found = self.find(path)
        kind = self._acl_type(path)
        row: Row = {
            "path": path,
            "user": self._user(found.uid) if resolve_ids else None,
            "group": self._group(found.gid) if resolve_ids else None,
            "uid": found.uid,
            "gid": found.gid,
            "acltype": kind,
            "trivial": found.acl is None,
        }
        if kind == "DISABLED":
            return {**row, "acl": None, "trivial": True}
        if kind == "NFS4":
            row["aclflags"] = {"autoinherit": False, "protected": False, "defaulted": False}
        row["acl"] = copy.deepcopy(found.acl["dacl"]) if found.acl is not None else _trivial(found.mode, kind)
        for entry in row["acl"]:
            name = self._user if entry["tag"] == "USER" else self._group
            entry["who"] = name(entry["id"]) if resolve_ids and entry.get("id") not in (None, -1) else None
        return row

    @method("filesystem.setacl")
    def setacl(self, call: Call, data: Row) -> Steps:
        """Set an ACL of the kind that the dataset has."""
        path, options = data["path"], data["options"]
        targets = self._targets(path, options)
        kind = self._acl_type(path)
        posix = any(entry["tag"] in ("USER_OBJ", "GROUP_OBJ", "OTHER", "MASK") for entry in data["dacl"])
        if kind == "DISABLED" or (data["dacl"] and posix != (kind == "POSIX1E")):
            raise invalid("filesystem_acl.dacl", f"ACL brand of path is {kind}")
        if not data["dacl"] and not options.get("stripacl"):
            raise invalid("filesystem_acl.dacl", "At least one ACL entry is required")
        uid, gid = self._ids(data)
        accounts = self.box.get(Accounts)
        for index, entry in enumerate(data["dacl"]):
            if entry["tag"] in ("USER", "GROUP") and entry.get("id") in (None, -1):
                table, column, number = (
                    (accounts.users, "username", "uid") if entry["tag"] == "USER" else (accounts.groups, "name", "gid")
                )
                row = table.first(**{column: entry.get("who")})
                if row is None:
                    raise invalid(f"filesystem_acl.dacl.{index}.who", f"{entry.get('who')}: does not exist", ENOENT)
                entry["id"] = row[number]
        yield Step(20, "Setting ACL")
        for target in targets:
            target.acl = None if options.get("stripacl") else {"dacl": copy.deepcopy(data["dacl"])}
            target.uid, target.gid = target.uid if uid is None else uid, target.gid if gid is None else gid
        return self.getacl(call, path, True, False)

    # Files ---------------------------------------------------------------------------------------------------

    @method("filesystem.put")
    def put(self, call: Call, path: str, options: Row) -> Steps:
        """Write an uploaded file; missing parents are made, an existing file is overwritten or appended to."""
        if self.store.dataset_at(path) is None:
            raise invalid("path", "Path must be within a pool")
        yield Step(50, "Writing")
        base = path.rpartition("/")[0]
        parts = base.split("/")
        for depth in range(3, len(parts) + 1):
            part = "/".join(parts[:depth])
            if not self.exists(part):
                self.nodes[part] = Node(0o755)
        data = bytes(call.job.input.data) if call.job is not None and call.job.input is not None else b""
        old = self.nodes.get(path)
        before = old.content or b"" if old is not None and options.get("append") else b""
        self.nodes[path] = Node(options.get("mode") or 0o644, content=before + data)
        return True

    @method("filesystem.get")
    def get(self, call: Call, path: str) -> Steps:
        """Read a file into the pipe."""
        found = self.find(path)
        if isinstance(found, Dataset) or found.content is None:
            raise CallError("File does not exist", ENOENT)
        yield Step(50, f"Reading {human_size(len(found.content))}")
        if call.job is not None and call.job.output is not None:
            call.job.output.data += found.content


def _trivial(mode: int, kind: str) -> list[Row]:
    """The ACL that mode bits amount to."""
    rows: list[Row] = []
    for index, (posix, nfs) in enumerate((("USER_OBJ", "owner@"), ("GROUP_OBJ", "group@"), ("OTHER", "everyone@"))):
        bits = mode >> (6 - 3 * index) & 7
        if kind == "POSIX1E":
            perms = {"READ": bool(bits & 4), "WRITE": bool(bits & 2), "EXECUTE": bool(bits & 1)}
            rows.append({"tag": posix, "perms": perms, "default": False, "id": -1, "who": None})
        else:
            basic = (
                "FULL_CONTROL"
                if bits == 7 and index == 0
                else "MODIFY"
                if bits & 2
                else "READ"
                if bits & 4
                else "TRAVERSE"
            )
            rows.append(
                {
                    "tag": nfs,
                    "type": "ALLOW",
                    "perms": {"BASIC": basic},
                    "flags": {"BASIC": "NOINHERIT"},
                    "id": -1,
                    "who": None,
                }
            )
    return rows
