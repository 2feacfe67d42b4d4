"""Who there is, what they may do and what they log in with (contract sections 5.2, 14 and 15.10)."""

from __future__ import annotations

import hashlib
import string
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.credentials import FULL_ADMIN
from holdfast.simulators.truenas.crud import Table
from holdfast.simulators.truenas.errors import (
    ENOENT,
    Row,
    invalid,
)
from holdfast.simulators.truenas.registry import Namespace
from holdfast.simulators.truenas.totp import totp
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box

KEY_ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 64
ADMINISTRATORS_GID, READONLY_GID, SHARING_GID = 544, 951, 952


class Accounts(Namespace):
    """Users, groups, privileges and API keys: the tables, over which others have the methods."""

    service_username = "mcp"

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.users = Table(box, "user", "User")
        self.groups = Table(box, "group", "Group")
        self.privileges = Table(box, "privilege", "Privilege")
        self.keys = Table(box, "api_key", "API Key")
        self.users.present = self._present_user
        self.passwords: dict[str, str] = {}
        self.raw_keys: dict[int, str] = {}
        self.otp_secrets: dict[str, str] = {}
        self.service_key = self._populate()

    def _populate(self) -> str:
        administrators = self.add_group("builtin_administrators", ADMINISTRATORS_GID, builtin=True)
        self.add_group("builtin_users", 545, builtin=True)
        readers = self.add_group("truenas_readonly_administrators", READONLY_GID, builtin=True)
        sharers = self.add_group("truenas_sharing_administrators", SHARING_GID, builtin=True)
        for name, roles, group, shell in (
            ("Local Administrator", [FULL_ADMIN], administrators, True),
            ("Read-Only Administrator", ["READONLY_ADMIN"], readers, False),
            ("Sharing Administrator", ["SHARING_ADMIN"], sharers, False),
        ):
            self.privileges.add(
                {
                    "builtin_name": name.upper().replace(" ", "_").replace("-", ""),
                    "name": name,
                    "local_groups": [group["gid"]],
                    "ds_groups": [],
                    "roles": roles,
                    "web_shell": shell,
                }
            )
        for username, uid, full_name in (("root", 0, "root"), ("daemon", 1, "daemon"), ("nobody", 65534, "nobody")):
            groups = [administrators["id"]] if uid == 0 else []
            self._add_user(username, uid, full_name, groups=groups, builtin=True, password_disabled=True)
        self._add_user(
            "truenas_admin", 950, "Local Administrator", groups=[administrators["id"]], password="harbour-42"
        )
        family = self.add_group("family", 3100)
        for username, uid, full_name in (("alice", 3001, "Alice Example"), ("bob", 3002, "Bob Example")):
            self._add_user(username, uid, full_name, groups=[family["id"]], smb=True, password=f"{username}-secret-1")
        self._add_user(self.service_username, 3000, "Automation", groups=[administrators["id"]], password_disabled=True)
        return self.issue_key(self.service_username, "holdfast")[1]

    def add_group(self, name: str, gid: int, *, builtin: bool = False, smb: bool = False) -> Row:
        """A new group without members."""
        return self.groups.add(
            {
                "gid": gid,
                "name": name,
                "group": name,
                "builtin": builtin,
                "local": True,
                "smb": smb,
                "immutable": builtin,
                "sid": None,
                "users": [],
            }
        )

    def _add_user(
        self,
        username: str,
        uid: int,
        full_name: str,
        *,
        groups: list[int],
        builtin: bool = False,
        smb: bool = False,
        password: str | None = None,
        password_disabled: bool = False,
    ) -> Row:
        primary = self.add_group(username, uid, builtin=builtin)
        row = self.users.add(
            {
                "uid": uid,
                "username": username,
                "full_name": full_name,
                "home": "/root" if uid == 0 else "/var/empty",
                "shell": "/usr/bin/zsh",
                "builtin": builtin,
                "immutable": builtin,
                "local": True,
                "smb": smb,
                "group": primary["id"],
                "groups": groups,
                "password_disabled": password_disabled,
                "sid": f"S-1-5-21-1000-2000-3000-{uid + 20000}" if smb else None,
                "sudo_commands": [],
                "sudo_commands_nopasswd": [],
                "last_password_change": from_epoch(self.box.clock.now() - 90 * 86400) if password else None,
            }
        )
        self.join(row)
        if password is not None:
            self.set_password_of(row, password)
        return row

    def join(self, user: Row) -> None:
        """Keep the members of groups in step with the user's groups."""
        wanted = {user["group"], *user["groups"]}
        for group in self.groups:
            member = user["id"] in group["users"]
            if group["id"] in wanted and not member and group["id"] != user["group"]:
                group["users"].append(user["id"])
            elif group["id"] not in wanted and member:
                group["users"].remove(user["id"])

    def add_account(self, username: str, roles: tuple[str, ...], password: str | None) -> str:
        """A local user with a privilege of exactly these roles; its raw API key."""
        uid = self.next_id(self.users, "uid")
        groups: list[int] = []
        if roles:
            group = self.add_group(f"{username}_roles", uid + 50_000)
            groups = [group["id"]]
            self.privileges.add(
                {
                    "builtin_name": None,
                    "name": f"{username} roles",
                    "local_groups": [group["gid"]],
                    "ds_groups": [],
                    "roles": list(roles),
                    "web_shell": False,
                }
            )
        self._add_user(username, uid, username, groups=groups, password=password, password_disabled=password is None)
        return self.issue_key(username, f"{username} key")[1]

    def issue_key(self, username: str, name: str, expires_at: object = None) -> tuple[Row, str]:
        """A new API key of a user: its row, and the raw key."""
        user = self.users.first(username=username)
        if user is None:
            raise invalid("api_key_create.username", "User does not exist.", ENOENT)
        row = self.keys.add(
            {
                "name": name,
                "username": username,
                "user_identifier": user["uid"],
                "keyhash": "",
                "created_at": from_epoch(self.box.clock.now()),
                "expires_at": expires_at,
                "local": True,
                "revoked": False,
                "revoked_reason": None,
            }
        )
        return row, self.new_secret(row)

    def new_secret(self, row: Row) -> str:
        """Give a key a new secret; the raw key."""
        secret = "".join(self.box.random.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))
        self.raw_keys[row["id"]] = secret
        digest = hashlib.sha256(secret.encode()).hexdigest()
        row["keyhash"] = f"$pbkdf2-sha512$500000${digest[:22]}${digest[22:]}"
        return f"{row['id']}-{secret}"

    def privileges_of(self, user: Row) -> list[Row]:
        """The privileges that the user's groups give."""
        gids = {
            self.groups.rows[number]["gid"] for number in (user["group"], *user["groups"]) if number in self.groups.rows
        }
        return [privilege for privilege in self.privileges if gids & set(privilege["local_groups"])]

    def roles_of(self, user: Row) -> list[str]:
        """The roles granted to a user, unexpanded."""
        return sorted({role for privilege in self.privileges_of(user) for role in privilege["roles"]})

    def set_password_of(self, user: Row, password: str) -> None:
        """Set a password and what shows of it."""
        self.passwords[user["username"]] = password
        user["last_password_change"] = from_epoch(self.box.clock.now())
        digest = hashlib.sha512(password.encode()).hexdigest()
        user["unixhash"] = f"$6$rounds=656000${digest[:16]}${digest[16:102]}"
        user["smbhash"] = (
            f"{user['username']}:{user['uid']}:{'X' * 32}:{digest[:32].upper()}:[U]" if user["smb"] else "*"
        )

    def _present_user(self, row: Row) -> Row:
        group = self.groups.rows.get(row["group"])
        changed = row["last_password_change"]
        age = int((self.box.clock.now() - changed.timestamp()) // 86400) if changed is not None else None
        return {
            **row,
            "group": {
                "id": group["id"],
                "bsdgrp_gid": group["gid"],
                "bsdgrp_group": group["name"],
                "bsdgrp_builtin": group["builtin"],
            }
            if group is not None
            else {},
            "roles": self.roles_of(row),
            "api_keys": [key["id"] for key in self.keys if key["username"] == row["username"]],
            "twofactor_auth_configured": row["username"] in self.otp_secrets,
            "password_age": age,
            "password_change_required": False,
        }

    def next_id(self, table: Table, field: str) -> int:
        """The next free uid or gid from 3000 on."""
        taken = {row[field] for row in table}
        return next(number for number in range(3000, 90_000_000) if number not in taken)

    def passwd_entry(self, user: Row, *, groups: bool) -> Row:
        """A user as the operating system's password database has it."""
        gid = self.groups.rows[user["group"]]["gid"]
        gids = [gid, *(self.groups.rows[number]["gid"] for number in user["groups"])]
        return {
            "pw_name": user["username"],
            "pw_gecos": user["full_name"],
            "pw_dir": user["home"],
            "pw_shell": user["shell"],
            "pw_uid": user["uid"],
            "pw_gid": gid,
            "grouplist": gids if groups else None,
            "sid": user["sid"],
            "source": "LOCAL",
            "local": True,
        }

    def new_otp_secret(self) -> str:
        """A base32 secret."""
        return "".join(self.box.random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(32))

    def one_time_password(self, username: str) -> str:
        """The code that the user's authenticator shows now."""
        return totp(self.otp_secrets[username], self.box.clock.now())

    def local_groups(self, privilege: Row) -> list[Any]:
        """The groups of a privilege as its model shows them."""
        found: list[Any] = []
        for gid in privilege["local_groups"]:
            group = self.groups.first(gid=gid)
            found.append(self.groups.present(group) if group else {"gid": gid, "sid": None, "group": None})
        return found
