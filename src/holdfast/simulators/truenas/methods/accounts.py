"""Local users and what they may do (contract sections 5.2, 14 and 15.10)."""

from __future__ import annotations

import copy
import hashlib
import secrets
import string
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.credentials import FULL_ADMIN, expand_roles
from holdfast.simulators.truenas.crud import READ_VERBS, Crud, Table
from holdfast.simulators.truenas.errors import (
    EACCES,
    EEXIST,
    ENOENT,
    CallError,
    InstanceNotFoundError,
    Row,
    invalid,
)
from holdfast.simulators.truenas.registry import Namespace, method
from holdfast.simulators.truenas.totp import totp
from holdfast.simulators.truenas.wire import from_epoch

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

KEY_ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 64
ADMINISTRATORS_GID, READONLY_GID, SHARING_GID = 544, 951, 952
SHELLS = ("/usr/bin/bash", "/usr/bin/rbash", "/usr/bin/dash", "/usr/bin/sh", "/usr/bin/tmux", "/usr/bin/zsh")
SHELL_CHOICES: Row = {shell: shell.rsplit("/", 1)[1] for shell in SHELLS} | {"/usr/sbin/nologin": "nologin"}
_CREATE_ONLY = ("group_create", "home_create", "home_mode", "password", "random_password")


class Accounts(Namespace):
    """Users, groups, privileges and API keys: the tables, and the `user.*` methods."""

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
        crud = Crud(self, self.users, unique=("username", "uid"), check=self._check, verbs=READ_VERBS)
        self._show = crud.show
        self.choices("user.shell_choices", SHELL_CHOICES)
        self.service_key = self._populate()

    def _populate(self) -> str:
        administrators = self._add_group("builtin_administrators", ADMINISTRATORS_GID, builtin=True)
        self._add_group("builtin_users", 545, builtin=True)
        readers = self._add_group("truenas_readonly_administrators", READONLY_GID, builtin=True)
        sharers = self._add_group("truenas_sharing_administrators", SHARING_GID, builtin=True)
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
        family = self._add_group("family", 3100)
        for username, uid, full_name in (("alice", 3001, "Alice Example"), ("bob", 3002, "Bob Example")):
            self._add_user(username, uid, full_name, groups=[family["id"]], smb=True, password=f"{username}-secret-1")
        self._add_user(self.service_username, 3000, "Automation", groups=[administrators["id"]], password_disabled=True)
        return self.issue_key(self.service_username, "holdfast")[1]

    def _add_group(self, name: str, gid: int, *, builtin: bool = False, smb: bool = False) -> Row:
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
        primary = self._add_group(username, uid, builtin=builtin)
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
        self._join(row)
        if password is not None:
            self.set_password_of(row, password)
        return row

    def _join(self, user: Row) -> None:
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
            group = self._add_group(f"{username}_roles", uid + 50_000)
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

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        if (
            old is not None
            and old["immutable"]
            and any(row[name] != old[name] for name in ("uid", "username", "group"))
        ):
            raise invalid(f"{prefix}.username", "This attribute cannot be changed")
        for number in row.get("groups") or []:
            if number not in self.groups.rows:
                raise invalid(f"{prefix}.groups", f"Group {number} not found", ENOENT)
        if row["shell"] not in SHELL_CHOICES:
            raise invalid(f"{prefix}.shell", "Please select a valid shell.")
        if row["home"] != "/var/empty" and not row["home"].startswith("/mnt/") and not row.get("builtin"):
            raise invalid(f"{prefix}.home", '"Home Directory" must begin with /mnt/ or set to /var/empty.')

    @method("user.create")
    def create_user(self, call: Call, data: Row) -> Row:
        """Create a local user; the answer holds a generated password, else null."""
        prefix = call.fact.params[0].name
        row = {name: value for name, value in data.items() if name not in _CREATE_ONLY}
        row["uid"] = row["uid"] if row.get("uid") is not None else self.next_id(self.users, "uid")
        row["groups"] = row.get("groups") or []
        for name in ("username", "uid"):
            if self.users.first(**{name: row[name]}) is not None:
                raise invalid(f"{prefix}.{name}", f'{name} "{row[name]}" already exists', EEXIST)
        password = data.get("password")
        if data.get("random_password"):
            password = "".join(secrets.choice(KEY_ALPHABET) for _ in range(20))
        if password is None and not data.get("password_disabled"):
            raise invalid(f"{prefix}.password", "Password is required")
        if data.get("group") is None and not data.get("group_create"):
            raise invalid(f"{prefix}.group", "Enter either a group name or create a new group to continue.")
        if data.get("group") is not None and data["group"] not in self.groups.rows:
            raise invalid(f"{prefix}.group", f"Group {data['group']} not found", ENOENT)
        self._check(call, row, None, prefix)
        if data.get("group_create"):
            existing = self.groups.first(name=row["username"])
            group = existing or self._add_group(row["username"], self.next_id(self.groups, "gid"))
            row["group"] = group["id"]
        stored = self.users.add(
            {
                **row,
                "builtin": False,
                "immutable": False,
                "local": True,
                "sid": f"S-1-5-21-1000-2000-3000-{row['uid'] + 20000}" if row["smb"] else None,
                "sudo_commands": row.get("sudo_commands") or [],
                "sudo_commands_nopasswd": row.get("sudo_commands_nopasswd") or [],
                "last_password_change": None,
            }
        )
        self._join(stored)
        if password is not None:
            self.set_password_of(stored, password)
        return {**self._show(call, stored), "password": password if data.get("random_password") else None}

    @method("user.update")
    def update_user(self, call: Call, number: int, data: Row) -> Row:
        """Change a local user."""
        prefix = call.fact.params[1].name
        old = copy.deepcopy(self.users.get(number))
        changes = {name: value for name, value in data.items() if name not in _CREATE_ONLY}
        row = {**old, **changes}
        other = self.users.first(username=row["username"])
        if other is not None and other["id"] != number:
            raise invalid(f"{prefix}.username", f'username "{row["username"]}" already exists', EEXIST)
        self._check(call, row, old, prefix)
        if old["username"] != row["username"]:
            self.passwords[row["username"]] = self.passwords.pop(old["username"], "")
        stored = self.users.change(number, row)
        self._join(stored)
        password = data.get("password")
        if data.get("random_password"):
            password = "".join(secrets.choice(KEY_ALPHABET) for _ in range(20))
        if password is not None:
            self.set_password_of(stored, password)
        return {**self._show(call, stored), "password": password if data.get("random_password") else None}

    @method("user.delete")
    def delete_user(self, call: Call, number: int, options: Row) -> int:
        """Delete a user, its keys, and with `delete_group` its now empty primary group."""
        user = self.users.get(number)
        if user["builtin"]:
            raise CallError("Cannot delete a built-in user", EACCES)
        self.users.remove(number)
        for group in self.groups:
            if number in group["users"]:
                group["users"].remove(number)
        for key in [key for key in self.keys if key["username"] == user["username"]]:
            self.keys.remove(key["id"])
        shared = any(other["group"] == user["group"] for other in self.users)
        primary = self.groups.rows.get(user["group"])
        if options.get("delete_group", True) and not shared and primary is not None and not primary["builtin"]:
            self.groups.remove(primary["id"])
        self.passwords.pop(user["username"], None)
        return number

    @method("user.set_password")
    def set_password(self, call: Call, data: Row) -> None:
        """Set a password; who is not an account administrator gives the old one, for itself only."""
        user = self.users.first(username=data["username"])
        if user is None:
            raise invalid("set_password_data.username", f"{data['username']}: user does not exist.", ENOENT)
        if not call.may("ACCOUNT_WRITE"):
            if call.credential is not None and call.credential.username != data["username"]:
                raise invalid("set_password_data.username", f"{call.credential.username}: not authorized", EACCES)
            if self.passwords.get(data["username"]) != data.get("old_password"):
                raise invalid("set_password_data.old_password", f"{data['username']}: failed to validate password.")
        self.set_password_of(user, data["new_password"])
        user["password_disabled"] = False

    @method("user.get_user_obj")
    def get_user_obj(self, call: Call, data: Row) -> Row:
        """The passwd entry of a user by name or uid."""
        wanted = {"username": data["username"]} if data.get("username") is not None else {"uid": data.get("uid")}
        user = self.users.first(**wanted)
        if user is None:
            raise CallError(f"{next(iter(wanted.values()))}: user does not exist", ENOENT)
        return self.passwd_entry(user, groups=data.get("get_groups", False))

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

    @method("user.get_next_uid")
    def get_next_uid(self, call: Call) -> int:
        """The next free uid."""
        return self.next_id(self.users, "uid")

    @method("user.has_local_administrator_set_up")
    def has_local_administrator_set_up(self, call: Call) -> bool:
        """Whether somebody can log in as administrator."""
        return any(
            FULL_ADMIN in expand_roles(self.roles_of(user)) and not user["password_disabled"] for user in self.users
        )

    @method("user.renew_2fa_secret")
    def renew_2fa_secret(self, call: Call, username: str, options: Row) -> Row:
        """Give a user a new one-time-password secret."""
        user = self.users.first(username=username)
        if user is None:
            raise InstanceNotFoundError(f"User {username} does not exist")
        self.otp_secrets[username] = self.new_otp_secret()
        digits, interval = options.get("otp_digits", 6), options.get("interval", 30)
        row: Row = self._show(call, user)
        row["twofactor_config"] = {
            "provisioning_uri": f"otpauth://totp/{self.box.hostname}:{username}?secret={self.otp_secrets[username]}",
            "secret_configured": True,
            "interval": interval,
            "otp_digits": digits,
        }
        return row

    def new_otp_secret(self) -> str:
        """A base32 secret."""
        return "".join(self.box.random.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(32))

    @method("user.unset_2fa_secret")
    def unset_2fa_secret(self, call: Call, username: str) -> None:
        """Take a user's one-time-password secret away."""
        if self.users.first(username=username) is None:
            raise InstanceNotFoundError(f"User {username} does not exist")
        self.otp_secrets.pop(username, None)

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
