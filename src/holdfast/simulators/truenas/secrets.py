"""Which fields are secret, and who sees them (contract section 14).

A secret field reads "********" unless the caller is full admin or holds the namespace's write role.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.simulators.truenas.errors import Json, Row

if TYPE_CHECKING:
    from holdfast.simulators.truenas.call import Call

MASK = "********"


@dataclass(frozen=True)
class _Secret:
    fields: tuple[tuple[str, ...], ...]
    role: str


def _secret(role: str, *paths: str) -> _Secret:
    return _Secret(tuple(tuple(path.split(".")) for path in paths), role)


_SECRETS: dict[str, _Secret] = {
    "user": _secret("ACCOUNT_WRITE", "unixhash", "smbhash"),
    "certificate": _secret("CERTIFICATE_WRITE", "privatekey"),
    "keychaincredential": _secret("KEYCHAIN_CREDENTIAL_WRITE", "attributes.private_key"),
    "cloudsync.credentials": _secret(
        "CLOUD_SYNC_WRITE", "provider.secret_access_key", "provider.pass", "provider.key", "provider.token"
    ),
    "cloudsync": _secret("CLOUD_SYNC_WRITE", "encryption_password", "encryption_salt"),
    "cloud_backup": _secret("CLOUD_BACKUP_WRITE", "password"),
    "iscsi.auth": _secret("SHARING_ISCSI_AUTH_WRITE", "secret", "peersecret"),
    "mail": _secret("ALERT_WRITE", "pass"),
    "disk": _secret("DISK_WRITE", "passwd"),
    "app.registry": _secret("APPS_WRITE", "password"),
    "alertservice": _secret("ALERT_WRITE", "attributes.api_key", "attributes.bot_token", "attributes.service_key"),
    "vm": _secret("VM_WRITE", "devices.*.attributes.password"),
    "vm.device": _secret("VM_DEVICE_WRITE", "attributes.password"),
    "snmp": _secret("SYSTEM_GENERAL_WRITE", "v3_password", "v3_privpassphrase"),
    "ups": _secret("SYSTEM_GENERAL_WRITE", "monpwd"),
}
_ARGUMENT_NAMES = re.compile(
    r"password|passphrase|secret|api_key|token|privatekey|private_key|^key$|^pass$|unixhash|smbhash|compose_config|^values$",
    re.IGNORECASE,
)


def _hide(value: Json, path: tuple[str, ...]) -> Json:
    if path and path[0] == "*" and isinstance(value, list):
        return [_hide(item, path[1:]) for item in value]
    if not path:
        return MASK if value not in (None, "") else value
    if isinstance(value, dict) and path[0] in value:
        return {**value, path[0]: _hide(value[path[0]], path[1:])}
    return value


def mask_rows(call: Call, result: Json) -> Json:
    """The answer with this namespace's secrets hidden, unless the caller may see them."""
    secret = _SECRETS.get(call.fact.namespace)
    if secret is None or call.may(secret.role):
        return result
    if isinstance(result, list):
        return [mask_rows(call, row) for row in result]
    if isinstance(result, dict):
        for path in secret.fields:
            result = _hide(result, path)
    return result


def mask_arguments(value: Json) -> Json:
    """Arguments as a job object shows them: everything that is named like a secret is hidden."""
    if isinstance(value, dict):
        masked: Row = {}
        for key, item in value.items():
            secret = isinstance(item, str | dict | list) and bool(item) and _ARGUMENT_NAMES.search(key)
            masked[key] = MASK if secret else mask_arguments(item)
        return masked
    if isinstance(value, list):
        return [mask_arguments(item) for item in value]
    return value
