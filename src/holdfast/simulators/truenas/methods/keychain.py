"""`keychaincredential.*`: SSH keys and connections (contract section 15.7)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from holdfast.simulators.truenas.crud import Crud, Table
from holdfast.simulators.truenas.errors import EHOSTUNREACH, ENOENT, CallError, Row, invalid
from holdfast.simulators.truenas.registry import Namespace, method

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.call import Call


class Keychain(Namespace):
    """SSH key pairs, and connections that use them."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self.table = Table(box, "keychaincredential", "Keychain Credential")
        verbs = ("query", "get_instance", "create", "update")
        Crud(self, self.table, unique=("name",), check=self._check, merge=("attributes",), verbs=verbs)
        pair = self._pair("replication key")
        self.table.add({"name": "replication key", "type": "SSH_KEY_PAIR", "attributes": pair})
        node = next((server for server in box.world.servers if server.role == "proxmox"), None)
        if node is not None:
            attributes = self._connection(node.host_ip, 22, "root", 1)
            self.table.add({"name": f"to {node.hostname}", "type": "SSH_CREDENTIALS", "attributes": attributes})

    def _pair(self, purpose: str) -> Row:
        seed = hashlib.sha256(f"{self.box.server.service_tag}/{purpose}".encode()).digest()
        private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        form = serialization.PrivateFormat.OpenSSH
        text = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        encoding = serialization.Encoding.OpenSSH
        public = private.public_key().public_bytes(encoding, serialization.PublicFormat.OpenSSH).decode()
        return {"private_key": text, "public_key": public}

    def _host_key(self, host: str) -> str:
        known = {server.host_ip for server in self.box.world.servers} | {
            server.hostname for server in self.box.world.servers
        }
        if host not in known:
            raise CallError(f"ssh-keyscan failed: {host} is unreachable", EHOSTUNREACH)
        return str(self._pair(f"host {host}")["public_key"])

    def _connection(self, host: str, port: int, username: str, key: int) -> Row:
        return {
            "host": host,
            "port": port,
            "username": username,
            "private_key": key,
            "remote_host_key": self._host_key(host),
            "connect_timeout": 10,
        }

    def _check(self, call: Call, row: Row, old: Row | None, prefix: str) -> None:
        attributes = row["attributes"]
        if row["type"] == "SSH_KEY_PAIR":
            if not attributes.get("private_key") and not attributes.get("public_key"):
                raise invalid(
                    f"{prefix}.attributes.public_key", "You must specify at least one of private key or public key"
                )
            return
        key = self.table.rows.get(attributes["private_key"])
        if key is None or key["type"] != "SSH_KEY_PAIR":
            raise invalid(f"{prefix}.attributes.private_key", "SSH key pair does not exist", ENOENT)

    @method("keychaincredential.generate_ssh_key_pair")
    def generate(self, call: Call) -> Row:
        """A new key pair, not stored."""
        return self._pair(f"generated {self.box.random.getrandbits(64)}")

    @method("keychaincredential.remote_ssh_host_key_scan")
    def scan(self, call: Call, data: Row) -> str:
        """The host key that a host of the rack shows."""
        return self._host_key(data["host"])

    def _users(self, number: int) -> list[tuple[str, str]]:
        """(title, how to unbind) of what uses a credential."""
        found: list[tuple[str, str]] = []
        for row in self.table:
            if row["type"] == "SSH_CREDENTIALS" and row["attributes"]["private_key"] == number:
                found.append((f"SSH connection {row['name']}", "delete"))
        for title, namespace in (("Replication task", "replication"), ("Rsync task", "rsynctask")):
            for row in self.box.tables.get(namespace, ()):
                if row.get("ssh_credentials") == number:
                    found.append((f"{title} {row.get('name') or row.get('path')}", "disable"))
        return found

    @method("keychaincredential.used_by")
    def used_by(self, call: Call, number: int) -> list[Row]:
        """What uses a credential."""
        self.table.get(number)
        return [{"title": title, "unbind_method": how} for title, how in self._users(number)]

    @method("keychaincredential.delete")
    def delete(self, call: Call, number: int, options: Row) -> None:
        """Delete; what uses it is unbound with `cascade`, else refuses."""
        self.table.get(number)
        users = self._users(number)
        if users and not options["cascade"]:
            raise CallError(
                "This credential is used and no cascade option is specified",
                16,
                {"dependencies": [t for t, _ in users]},
            )
        for row in list(self.table):
            if row["type"] == "SSH_CREDENTIALS" and row["attributes"]["private_key"] == number:
                self.table.remove(row["id"])
        for namespace in ("replication", "rsynctask"):
            for row in self.box.tables.get(namespace, ()):
                if row.get("ssh_credentials") == number:
                    row["enabled"] = False
        self.table.remove(number)

    @method("keychaincredential.setup_ssh_connection")
    def setup(self, call: Call, options: Row) -> Row:
        """Make (or take) a key and a connection that uses it."""
        key = options["private_key"]
        if key.get("generate_key", True):
            if self.table.first(name=key["name"]) is not None:
                raise invalid("options.private_key.name", "Is not unique", 17)
            attributes = self._pair(f"generated {self.box.random.getrandbits(64)}")
            number = int(self.table.add({"name": key["name"], "type": "SSH_KEY_PAIR", "attributes": attributes})["id"])
        else:
            number = int(self.table.get(key["existing_key_id"])["id"])
        if self.table.first(name=options["connection_name"]) is not None:
            raise invalid("options.connection_name", "Is not unique", 17)
        if options.get("setup_type", "MANUAL") == "MANUAL":
            attributes = {**options["manual_setup"], "private_key": number}
        else:
            remote = options["semi_automatic_setup"]
            host = remote["url"].partition("://")[2].partition("/")[0].partition(":")[0]
            attributes = self._connection(host, 22, remote.get("username", "root"), number)
        return self.table.add({"name": options["connection_name"], "type": "SSH_CREDENTIALS", "attributes": attributes})

    @method("keychaincredential.remote_ssh_semiautomatic_setup")
    def semiautomatic(self, call: Call, data: Row) -> Row:
        """A connection to another TrueNAS system, by its API."""
        self.table.get(data["private_key"])
        host = data["url"].partition("://")[2].partition("/")[0].partition(":")[0]
        attributes = self._connection(host, 22, data["username"], data["private_key"])
        return self.table.add({"name": data["name"], "type": "SSH_CREDENTIALS", "attributes": attributes})
