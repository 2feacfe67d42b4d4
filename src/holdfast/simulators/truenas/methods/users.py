"""`user.*`: local users, made, changed and deleted (contract sections 14 and 15.10)."""

from __future__ import annotations

import copy
import secrets
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.credentials import FULL_ADMIN, expand_roles
from holdfast.simulators.truenas.crud import READ_VERBS, Crud
from holdfast.simulators.truenas.errors import (
    EACCES,
    EEXIST,
    ENOENT,
    CallError,
    InstanceNotFoundError,
    Row,
    invalid,
)
from holdfast.simulators.truenas.methods.accounts import KEY_ALPHABET, Accounts
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call

SHELLS = ("/usr/bin/bash", "/usr/bin/rbash", "/usr/bin/dash", "/usr/bin/sh", "/usr/bin/tmux", "/usr/bin/zsh")
SHELL_CHOICES: Row = {shell: shell.rsplit("/", 1)[1] for shell in SHELLS} | {"/usr/sbin/nologin": "nologin"}
_CREATE_ONLY = ("group_create", "home_create", "home_mode", "password", "random_password")


class Users(Namespace):
    """Users over the tables of `Accounts`."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.accounts = box.get(Accounts)
        self.users = self.accounts.users
        self.groups = self.accounts.groups
        self.choices("user.shell_choices", SHELL_CHOICES)
        crud = Crud(self, self.users, unique=("username", "uid"), check=self._check, verbs=READ_VERBS)
        self._show = crud.show

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
        row["uid"] = row["uid"] if row.get("uid") is not None else self.accounts.next_id(self.users, "uid")
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
            group = existing or self.accounts.add_group(row["username"], self.accounts.next_id(self.groups, "gid"))
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
        self.accounts.join(stored)
        if password is not None:
            self.accounts.set_password_of(stored, password)
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
            self.accounts.passwords[row["username"]] = self.accounts.passwords.pop(old["username"], "")
        stored = self.users.change(number, row)
        self.accounts.join(stored)
        password = data.get("password")
        if data.get("random_password"):
            password = "".join(secrets.choice(KEY_ALPHABET) for _ in range(20))
        if password is not None:
            self.accounts.set_password_of(stored, password)
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
        for key in [key for key in self.accounts.keys if key["username"] == user["username"]]:
            self.accounts.keys.remove(key["id"])
        shared = any(other["group"] == user["group"] for other in self.users)
        primary = self.groups.rows.get(user["group"])
        if options.get("delete_group", True) and not shared and primary is not None and not primary["builtin"]:
            self.groups.remove(primary["id"])
        self.accounts.passwords.pop(user["username"], None)
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
            if self.accounts.passwords.get(data["username"]) != data.get("old_password"):
                raise invalid("set_password_data.old_password", f"{data['username']}: failed to validate password.")
        self.accounts.set_password_of(user, data["new_password"])
        user["password_disabled"] = False

    @method("user.get_user_obj")
    def get_user_obj(self, call: Call, data: Row) -> Row:
        """The passwd entry of a user by name or uid."""
        wanted = {"username": data["username"]} if data.get("username") is not None else {"uid": data.get("uid")}
        user = self.users.first(**wanted)
        if user is None:
            raise CallError(f"{next(iter(wanted.values()))}: user does not exist", ENOENT)
        return self.accounts.passwd_entry(user, groups=data.get("get_groups", False))

    @method("user.get_next_uid")
    def get_next_uid(self, call: Call) -> int:
        """The next free uid."""
        return self.accounts.next_id(self.users, "uid")

    @method("user.has_local_administrator_set_up")
    def has_local_administrator_set_up(self, call: Call) -> bool:
        """Whether somebody can log in as administrator."""
        return any(
            FULL_ADMIN in expand_roles(self.accounts.roles_of(user)) and not user["password_disabled"]
            for user in self.users
        )

    @method("user.renew_2fa_secret")
    def renew_2fa_secret(self, call: Call, username: str, options: Row) -> Row:
        """Give a user a new one-time-password secret."""
        user = self.users.first(username=username)
        if user is None:
            raise InstanceNotFoundError(f"User {username} does not exist")
        self.accounts.otp_secrets[username] = self.accounts.new_otp_secret()
        digits, interval = options.get("otp_digits", 6), options.get("interval", 30)
        row: Row = self._show(call, user)
        row["twofactor_config"] = {
            "provisioning_uri": f"otpauth://totp/{self.box.hostname}:{username}?secret={self.accounts.otp_secrets[username]}",
            "secret_configured": True,
            "interval": interval,
            "otp_digits": digits,
        }
        return row

    @method("user.unset_2fa_secret")
    def unset_2fa_secret(self, call: Call, username: str) -> None:
        """Take a user's one-time-password secret away."""
        if self.users.first(username=username) is None:
            raise InstanceNotFoundError(f"User {username} does not exist")
        self.accounts.otp_secrets.pop(username, None)
