"""Who can decide about plans follows from the settings; state that cannot be kept is told before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.config import ControlSettings
from holdfast.control.approvalkeys import Ed25519Approver
from holdfast.control.parts import Parts, make_parts
from holdfast.control.plans import Plan, Subject
from holdfast.control.redaction import Redactor
from holdfast.errors import ConfigError, LedgerError, NotConfirmedError

SUBJECT = Subject("proxmox_stop_guest", "pve", "rack", "alice", {"vmid": 101}, {"POST": "/x"}, {"status": "running"})


def parts(tmp_path: Path, approver_key: str | None = None, approver: Path | None = None) -> Parts:
    settings = ControlSettings(approver_key=approver_key)
    return make_parts(settings, tmp_path / "state", Redactor(()), approver=approver)


def asked(server: Parts) -> Plan:
    plan = server.plans.issue(SUBJECT)
    server.approvals.request(plan, risk="destructive", summary="Stop VM 101")
    return plan


def test_without_an_approvers_key_whoever_holds_the_installations_decides(tmp_path: Path) -> None:
    server, operator = parts(tmp_path), parts(tmp_path)
    plan = asked(server)
    operator.approvals.decide(plan.plan_id, approve=True, by="bob")
    assert server.approvals.redeem(plan).by == "bob"


def test_with_an_approvers_key_only_its_holder_decides(tmp_path: Path) -> None:
    file = tmp_path / "approver"
    public = Ed25519Approver.from_file(file).public_text
    server = parts(tmp_path, public)
    plan = asked(server)
    with pytest.raises(NotConfirmedError):
        server.approvals.decide(plan.plan_id, approve=True, by="mallory")
    parts(tmp_path).approvals.decide(plan.plan_id, approve=True, by="mallory")
    with pytest.raises(NotConfirmedError, match="not signed with the approver's key"):
        server.approvals.redeem(plan)
    other = asked(server)
    parts(tmp_path, public, file).approvals.decide(other.plan_id, approve=True, by="bob")
    assert server.approvals.redeem(other).by == "bob"


@pytest.mark.parametrize("configured", [True, False])
def test_an_approvers_key_that_no_server_would_accept_is_refused_with_the_way_to_set_it(
    configured: bool, tmp_path: Path
) -> None:
    file = tmp_path / "approver"
    public = Ed25519Approver.from_file(file).public_text
    wanted = Ed25519Approver.from_file(tmp_path / "another").public_text if configured else None
    with pytest.raises(ConfigError, match=r"is not the approver_key of \[control\]") as caught:
        parts(tmp_path, wanted, file)
    assert f'approver_key = "{public}"' in (caught.value.next_step or "")


def test_a_state_directory_that_cannot_be_made_is_told_and_nothing_was_executed(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file stands there")
    with pytest.raises(LedgerError, match=r"state cannot be written: .+\. Nothing was executed\.") as caught:
        parts(tmp_path)
    assert "state_dir" in (caught.value.next_step or "")
