"""Kill switch and approver's key between users of one machine: who may not, does not.

Real other users need root, who alone can become them; elsewhere those tests are skipped, and what is left are the same
refusals by owner and mode of the files.
"""

from __future__ import annotations

import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from holdfast.config import ControlSettings
from holdfast.control.approvalkeys import Ed25519Approver
from holdfast.control.parts import Parts, make_parts
from holdfast.control.plans import Plan, Subject
from holdfast.control.redaction import Redactor
from holdfast.errors import ConfigError, KillSwitchError, NotConfirmedError

SERVICE, STRANGER = 12345, 23456
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_user(uid: int, work: Callable[[], None]) -> None:
    """Do it in a process of this user, who is in no other group; fails as it fails."""
    with warnings.catch_warnings():
        # From Python 3.12 on a fork beside other threads is warned of; nothing here is held by one.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - told by the status, in whatever way it failed
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def refused(work: Callable[[], object], *errors: type[Exception]) -> None:
    """It does not work."""
    with pytest.raises(errors):
        work()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the service, which everybody may enter; pytest's own are closed to other users."""
    with TemporaryDirectory() as folder:
        top = Path(folder)
        top.chmod(0o755)
        made = top / "service"
        made.mkdir(mode=0o755)
        try:
            os.chown(made, SERVICE, SERVICE)
            as_user(SERVICE, lambda: None)
        except (PermissionError, AssertionError):
            pytest.skip("this root may not become another user")
        _warm(top)
        yield made


def _warm(top: Path) -> None:
    """Load what is needed: other users may not be able to read the files of Python."""
    warm = parts(top / "warm", Ed25519Approver.from_file(top / "warm.key").public_text, top / "warm.key")
    plan = asked(warm)
    warm.approvals.decide(plan.plan_id, approve=True, by="root")
    warm.approvals.redeem(plan)


def parts(state: Path, key: str | None = None, approver: Path | None = None) -> Parts:
    settings = ControlSettings(approver_key=key) if key else ControlSettings()
    return make_parts(settings, state, Redactor(), approver=approver)


SUBJECT = Subject(tool="t", target="proxmox.lab", identity="lab", principal="p", arguments={}, content={}, before={})


def asked(made: Parts) -> Plan:
    plan = made.plans.issue(SUBJECT)
    made.approvals.request(plan, risk="destructive", summary="Stop it")
    return plan


@only_root
def test_root_stops_the_writes_of_a_service_and_the_service_can_read_why_and_release(home: Path) -> None:
    state = home / "state"
    as_user(SERVICE, lambda: parts(state).kill_switch.check())
    parts(state).kill_switch.engage(reason="drill", who="root")

    def stopped() -> None:
        with pytest.raises(KillSwitchError, match="drill"):
            parts(state).kill_switch.check()
        parts(state).kill_switch.release()
        parts(state).kill_switch.check()

    as_user(SERVICE, stopped)


@only_root
def test_a_stranger_neither_stops_nor_allows_writes_nor_sees_whether_they_are_stopped(home: Path) -> None:
    state = home / "state"
    as_user(SERVICE, lambda: parts(state).kill_switch.check())

    def tries() -> None:
        refused(lambda: parts(state), ConfigError)
        refused((state / "stop").touch, PermissionError)
        refused((state / "stop").unlink, PermissionError)
        refused(lambda: (state / "key").read_bytes(), PermissionError)
        refused(lambda: (state / "stop").stat(), PermissionError)

    as_user(STRANGER, tries)
    as_user(SERVICE, lambda: parts(state).kill_switch.check())
    parts(state).kill_switch.engage(reason="drill", who="root")
    as_user(STRANGER, tries)
    assert parts(state).kill_switch.status().engaged


@only_root
def test_a_switch_that_a_stranger_could_have_put_there_stops_writes_but_is_not_read(home: Path) -> None:
    state = home / "state"
    as_user(SERVICE, lambda: parts(state).kill_switch.check())
    (state / "stop").write_text('{"reason": "a lie"}')
    os.chown(state / "stop", STRANGER, STRANGER)

    def stopped() -> None:
        status = parts(state).kill_switch.status()
        assert (status.engaged, status.reason) == (True, None)

    as_user(SERVICE, stopped)


@only_root
def test_another_user_approves_with_a_key_that_the_service_cannot_read(home: Path, tmp_path: Path) -> None:
    """That user has to be root: to others the state directory is closed."""
    state, folder = home / "state", tmp_path / "approver"
    folder.mkdir(mode=0o700)
    key = Ed25519Approver.from_file(folder / "key").public_text

    def serves() -> None:
        made = parts(state, key)
        plan = asked(made)
        refused(lambda: made.approvals.decide(plan.plan_id, approve=True, by="me"), NotConfirmedError)
        refused(lambda: parts(state, key, folder / "key"), PermissionError, ConfigError)
        refused(lambda: (folder / "key").read_bytes(), PermissionError)
        (state / "plan").write_text(plan.plan_id)

    as_user(SERVICE, serves)
    plan_id = (state / "plan").read_text()

    def tries() -> None:
        refused(lambda: parts(state, key, folder / "key"), PermissionError, ConfigError)
        refused(lambda: list((state / "state").iterdir()), PermissionError)

    as_user(STRANGER, tries)
    parts(state, key, folder / "key").approvals.decide(plan_id, approve=True, by="root")

    def applies() -> None:
        made = parts(state, key)
        plan = made.plans.check(plan_id, SUBJECT)
        assert made.approvals.redeem(plan).by == "root"

    as_user(SERVICE, applies)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_an_approvers_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    Ed25519Approver.from_file(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(ConfigError, match="Others may use the file"):
        Ed25519Approver.from_file(tmp_path / "key")


def test_an_approvers_key_is_not_made_where_others_may_put_another(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(ConfigError, match="Others may write to the directory"):
        Ed25519Approver.from_file(place / "key")
    assert list(place.iterdir()) == []


def test_an_approvers_key_is_not_read_through_a_link(tmp_path: Path) -> None:
    Ed25519Approver.from_file(tmp_path / "key")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    with pytest.raises(OSError, match="symbolic links"):
        Ed25519Approver.from_file(tmp_path / "link")


@pytest.mark.parametrize("name", ["key", "directory"])
def test_an_approvers_key_of_another_user_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "directory"
    Ed25519Approver.from_file(place / "key")
    if os.geteuid() == 0:
        os.chown(place, STRANGER if name == "directory" else SERVICE, -1)
        os.chown(place / "key", STRANGER, -1)
        monkeypatch.setattr(os, "geteuid", lambda: SERVICE)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        Ed25519Approver.from_file(place / "key")
