"""Plugins and accounts of certificate services (contract section 15.15)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.values import Row

ACME: Final = Sections("acme-plugins", "id", "priv/acme/plugins.cfg", "POST /cluster/acme/plugins", "ACME plugin")
_DIRECTORIES: Final = {
    "Let's Encrypt V2": "https://acme-v02.api.letsencrypt.org/directory",
    "Let's Encrypt V2 Staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


def _acme_row(call: Call, ident: str) -> Row:
    row = ACME.row(call, ident)
    row["plugin"] = row.pop("id")
    return row


@answers("GET /cluster/acme/plugins")
def list_acme_plugins(call: Call) -> Answer:
    """Ways to prove that a name is ours."""
    ACME.all(call).setdefault("standalone", {"type": "standalone"})
    wanted = call.params.maybe("type")
    return [_acme_row(call, name) for name, one in ACME.all(call).items() if wanted in (None, one["type"])]


@answers("GET /cluster/acme/plugins/{id}")
def get_acme_plugin(call: Call) -> Answer:
    """One of them."""
    ACME.all(call).setdefault("standalone", {"type": "standalone"})
    if ACME.ident(call) not in ACME.all(call):
        raise ApiError(f"ACME plugin '{ACME.ident(call)}' not defined")
    return _acme_row(call, ACME.ident(call))


@answers("POST /cluster/acme/plugins")
def add_acme_plugin(call: Call) -> Answer:
    """A new one."""
    if ACME.ident(call) in ACME.all(call):
        raise ApiError(f"ACME plugin ID '{ACME.ident(call)}' already exists")
    ACME.add(call)
    return None


@answers("PUT /cluster/acme/plugins/{id}")
def change_acme_plugin(call: Call) -> Answer:
    """Change one."""
    ACME.change(call)
    return None


@answers("DELETE /cluster/acme/plugins/{id}")
def delete_acme_plugin(call: Call) -> Answer:
    """Delete one."""
    ACME.remove(call)
    return None


@answers("GET /cluster/acme/directories")
def list_acme_directories(call: Call) -> Answer:
    """Known certificate services."""
    return [{"name": name, "url": url} for name, url in _DIRECTORIES.items()]


@answers("GET /cluster/acme/challenge-schema")
def list_acme_challenges(call: Call) -> Answer:
    """Settings of the DNS providers."""
    return [
        {
            "id": "cf",
            "name": "Cloudflare Managed DNS",
            "type": "dns",
            "schema": {"fields": {"CF_Token": {"type": "string"}}},
        }
    ]


@answers("GET /cluster/acme/account")
def list_acme_accounts(call: Call) -> Answer:
    """Accounts: none can be made without a way to a service."""
    return []


@answers(*(f"{verb} /cluster/acme/account/{{name}}" for verb in ("GET", "PUT", "DELETE")))
def no_acme_account(call: Call) -> Answer:
    """There is no account."""
    raise ApiError(f"ACME account config file '{call.params.text('name', 'default')}' does not exist.")


@answers("POST /cluster/acme/account", "GET /cluster/acme/tos", "GET /cluster/acme/meta")
def reach_acme(call: Call) -> Answer:
    """The simulated rack reaches no certificate service."""
    url = call.params.text("directory", next(iter(_DIRECTORIES.values())))
    host = url.split("/")[2] if url.count("/") >= 2 else url
    raise ApiError(f"GET to {url} failed: 500 Can't connect to {host}:443 (Connection timed out)")
