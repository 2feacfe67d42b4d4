"""What Proxmox's errors mean, by status and by text (contract 5 and 6)."""

from __future__ import annotations

import json

import pytest

from holdfast.appliances.proxmox.errors import error_of
from holdfast.errors import Executed
from holdfast.transport import Headers, Reply

TEXTS = (
    ("Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist", "not_found"),
    ("no such user ('joe@pve')", "not_found"),
    ("no such task", "not_found"),
    ("unable to create VM 101 - VM 101 already exists on node 'pve1'", "conflict"),
    ("config file already exists", "conflict"),
    ("snapshot name 'first' already used", "conflict"),
    ("no options specified", "validation"),
    ("the QEMU guest agent feature is not available", "unsupported"),
    ("VM 104 not running", "wrong_state"),
    ("VM 100 is running - destroy failed", "wrong_state"),
    ("can't remove VM 100 - protection mode enabled", "wrong_state"),
    ("can't migrate running VM without --online", "wrong_state"),
    ("VM is locked (backup)", "busy"),
    ("CT is locked (mounted)", "busy"),
    ("can't lock file '/var/lock/qemu-server/lock-101.conf' - got timeout", "lock_timeout"),
    ("cfs-lock 'file-storage_cfg' error: got lock request timeout", "lock_timeout"),
    ("checksum mismatch (file change by other user?)", "conflict"),
    ("detected modified configuration - file changed by other user? Try again.", "conflict"),
    ("cluster not ready - no quorum?", "no_quorum"),
    ("unable to open file '/etc/pve/nodes/pve1/x.tmp' - Permission denied", "no_quorum"),
    ("No QEMU guest agent configured", "unavailable"),
    ("QEMU guest agent is not running", "unavailable"),
    ("storage 'nas' is not online", "unavailable"),
    ("storage 'nas' is disabled", "unavailable"),
    ("got no worker upid - start worker failed", "lock_timeout"),
    ("unable to fork worker - Cannot allocate memory", "lock_timeout"),
    ("hostname lookup 'pve9' failed - failed to get address info", "node_unreachable"),
    ("binary not installed: /usr/bin/ceph-mon", "unsupported"),
    ("unexpected end of file at /usr/share/perl5/PVE/API2/Tools.pm line 71.", "appliance_fault"),
)


def reply(status: int, text: str, *, body: bool, errors: dict[str, str] | None = None) -> Reply:
    """An error as Proxmox sends it: the text as the reason phrase and, since 8.3, in the body too."""
    content = json.dumps({"data": None, "message": f"{text}\n", **({"errors": errors} if errors else {})})
    headers = Headers({"Content-Type": "application/json"}) if body else Headers({})
    return Reply(status=status, reason=text, headers=headers, body=content.encode() if body else b"")


@pytest.mark.parametrize(("text", "code"), TEXTS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("body", [True, False], ids=["body", "reason"])
def test_a_business_error_is_classified_by_its_text_wherever_it_stands(text: str, code: str, body: bool) -> None:
    error = error_of(reply(500, text, body=body))
    assert error.code == code, error
    assert text[:40] in error.message
    assert error.next_step or code in ("validation", "unsupported", "conflict")


@pytest.mark.parametrize(
    ("status", "code", "executed"),
    [
        (400, "validation", Executed.NO),
        (401, "authentication", Executed.NO),
        (403, "permission_denied", Executed.NO),
        (404, "unsupported", Executed.NO),
        (501, "unsupported", Executed.NO),
        (506, "unsupported", Executed.NO),
        (595, "node_unreachable", Executed.NO),
        (596, "node_timeout", Executed.UNKNOWN),
        (597, "node_timeout", Executed.UNKNOWN),
        (599, "node_timeout", Executed.UNKNOWN),
    ],
)
def test_a_status_says_what_kind_of_error_it_is_and_whether_anything_was_executed(
    status: int, code: str, executed: Executed
) -> None:
    error = error_of(reply(status, "something", body=False))
    assert error.code == code
    assert error.executed == executed


def test_wrong_parameters_are_told_one_by_one() -> None:
    why = {"onboot": "type check ('boolean') failed - got 'true'", "colour": "property is not defined in schema"}
    error = error_of(reply(400, "Parameter verification failed.", body=True, errors=why))
    assert "onboot: type check" in error.message
    assert "colour: property is not defined" in error.message


def test_the_lock_that_is_held_is_named() -> None:
    assert error_of(reply(500, "VM is locked (backup)", body=True)).details == {"lock": "backup"}


def test_the_login_of_a_proxy_is_no_refused_credential() -> None:
    page = b"<html><body><h1>401 Authorization Required</h1></body></html>"
    error = error_of(
        Reply(status=401, reason="Unauthorized", headers=Headers({"Content-Type": "text/html"}), body=page)
    )
    assert error.code == "unsupported"
    assert error.executed is Executed.NO
    assert "node itself" in str(error.next_step)
