"""Users, tokens, roles and grants as objects (contract 3, 15.10)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from holdfast.appliances.proxmox.client import AsyncProxmoxClient
from holdfast.appliances.proxmox.encoding import listed, plain
from holdfast.appliances.proxmox.objects import Arg, Kind, Read
from holdfast.errors import ConfigError, Executed, RefusedError
from holdfast.transport.values import JsonObject, as_object

USER: Final = Kind(
    noun="user",
    collection=("access", "users"),
    key="userid",
    argument="user",
    args={
        "enabled": Arg("enable", "bool", default=True),
        "expires_at": Arg("expire", "int"),
        "groups": Arg("groups", "list"),
        "email": Arg("email"),
        "firstname": Arg("firstname"),
        "lastname": Arg("lastname"),
        "comment": Arg("comment"),
    },
    tools=("proxmox_create_user", "proxmox_update_user", "proxmox_delete_user"),
    digest=False,
    derived=frozenset({"tokens", "realm-type", "keys", "totp-locked", "tfa-locked-until"}),
)

ROLE: Final = Kind(
    noun="role",
    collection=("access", "roles"),
    key="roleid",
    argument="role",
    args={"privileges": Arg("privs", "list")},
    tools=("proxmox_create_role", "proxmox_update_role", "proxmox_delete_role"),
    digest=False,
    derived=frozenset({"special"}),
)

# What tools of each group need, and where it is looked for (contract 3, of release 9; 8 says VM.Monitor for the agent).
NEEDS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "see guests": (("VM.Audit",), ("/", "/vms")),
    "see nodes and logs": (("Sys.Audit",), ("/", "/nodes")),
    "see storages": (("Datastore.Audit",), ("/", "/storage")),
    "power": (("VM.PowerMgmt",), ("/", "/vms")),
    "configuration": (("VM.Config.Options", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk"), ("/", "/vms")),
    "create and delete guests": (("VM.Allocate",), ("/", "/vms")),
    "space for disks": (("Datastore.AllocateSpace",), ("/", "/storage")),
    "clone": (("VM.Clone",), ("/", "/vms")),
    "snapshots": (("VM.Snapshot",), ("/", "/vms")),
    "migrate": (("VM.Migrate",), ("/", "/vms")),
    "backup": (("VM.Backup",), ("/", "/vms")),
    "firewall and node settings": (("Sys.Modify",), ("/", "/nodes")),
    "high availability": (("Sys.Console",), ("/",)),
    "grants": (("Permissions.Modify",), ("/", "/access")),
    "users": (("User.Modify",), ("/", "/access")),
}


def token_kind(user: str) -> Kind:
    """The API tokens of a user."""
    return Kind(
        noun="API token",
        collection=("access", "users", user, "token"),
        key="tokenid",
        argument="name",
        args={
            "comment": Arg("comment"),
            "expires_at": Arg("expire", "int"),
            "separated": Arg("privsep", "bool", default=True),
        },
        tools=(None, None, "proxmox_delete_token"),
        digest=False,
        given={"user": user},
    )


def read_role(role: str) -> Read:
    """Reads a role through the list: the item answers privileges as names of fields."""

    async def read(client: AsyncProxmoxClient) -> JsonObject | None:
        rows = await client.rows("access", "roles")
        return next((row for row in rows if row.get("roleid") == role), None)

    return read


def judged(paths: JsonObject) -> tuple[list[str], JsonObject]:
    """Which groups of tools work everywhere, and what the others lack."""
    works: list[str] = []
    lacks: JsonObject = {}
    for what, (privileges, where) in NEEDS.items():
        held = {name for path in where if path in paths for name in as_object(paths[path])}
        missing = [privilege for privilege in privileges if privilege not in held]
        if missing:
            lacks[what] = f"{', '.join(missing)} on {where[-1]}"
        else:
            works.append(what)
    return works, lacks


def secret_file(folder: Path | None, full_id: str) -> Path:
    """Where the secret of a new token goes.

    Raises:
        RefusedError: There is no such folder, or the file exists. Nothing was executed.
    """
    if folder is None or not folder.is_dir():
        raise RefusedError(
            "There is no folder for the secrets of new tokens. Nothing was executed.",
            next_step="The operator sets secrets_dir of the target to a folder that only the server may read.",
        )
    place = folder / f"{full_id.replace('!', '_').replace('@', '_at_')}.token"
    if place.exists():
        raise RefusedError(f"{place.name} exists already in the folder for secrets. Nothing was executed.")
    return place


def write_secret(place: Path, secret: str) -> None:
    """Write a secret to a new file that only its owner may read.

    Raises:
        ConfigError: It cannot be written; what it is the secret of exists by now.
    """
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
    except OSError as error:
        place.unlink(missing_ok=True)
        raise ConfigError(
            f"The secret cannot be written to {place.name}: {error.strerror}.",
            executed=Executed.YES,
            next_step="The operator makes secrets_dir writable for the server.",
        ) from error


def grant_rows(rows: list[JsonObject], path: str, who: str, role: str) -> list[JsonObject]:
    """The grants of a role on a path to somebody."""
    return [
        row
        for row in rows
        if plain(row.get("path")) == path and plain(row.get("ugid")) == who and plain(row.get("roleid")) == role
    ]


def token_names(row: JsonObject) -> list[str]:
    """Names of a user's tokens in GET /access/users?full=1, where they are objects or one text."""
    tokens = row.get("tokens")
    if isinstance(tokens, list):
        return sorted(plain(one.get("tokenid")) if isinstance(one, dict) else plain(one) for one in tokens)
    if isinstance(tokens, dict):
        return sorted(tokens)
    return listed(tokens)
