"""The operator's commands on plans, kill switch and ledger, as processes of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.cli.setting import control_parts
from holdfast.control.approvalkeys import Ed25519Approver
from holdfast.control.caller import Question, Reply
from holdfast.control.ledger import Outcome
from holdfast.control.ledger.records import Body, Kind, seal
from holdfast.errors import ConfigError
from tests.control.ledgers import intent
from tests.support.rooms import Room, room


async def nobody(question: Question) -> Reply:
    return Reply.CANNOT_ASK


class Operator:
    """Runs `holdfast …` with a configuration that shares the room's state."""

    def __init__(self, config: Path) -> None:
        self._config = config

    async def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "holdfast", *arguments, "--config", str(self._config)]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
async def pve(tmp_path: Path) -> AsyncIterator[Room]:
    async with room("proxmox", tmp_path) as made:
        made.ask = nobody
        yield made


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    config = tmp_path / "holdfast.toml"
    config.write_text(f'[control]\nstate_dir = "{tmp_path / "state"}"\n')
    return Operator(config)


@pytest.mark.parametrize(("expect", "code"), [("deny", 0), ("allow", 2)])
async def test_a_policy_file_is_tried_against_its_own_cases(tmp_path: Path, expect: str, code: int) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rules]]\nprincipals = ["alice"]\nrisks = ["read"]\n[[tests]]\nprincipal = "bob"\nkind = "proxmox"\n'
        f'toolset = "guests"\nrisk = "read"\ntool = "proxmox_list_guests"\nexpect = "{expect}"\n'
    )
    policy.chmod(0o600)
    command = [sys.executable, "-m", "holdfast", "policy", "test", str(policy)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert ("1 test cases come out as they say" in done.stdout) is (code == 0)
    assert ("expects allow, but: no rule allows it" in done.stderr) is (code == 2)


_CASE = (
    '[[tests]]\nprincipal = "bob"\nkind = "proxmox"\ntoolset = "guests"\nrisk = "read"\n'
    'tool = "proxmox_list_guests"\nexpect = "deny"\n'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no test case: nothing was tried"),
        ('[[rules]]\nprincipals = ["alice"]\nrisks = ["read"]\n', "there is no test case: nothing was tried"),
        (
            '[[rules]]\nprincipals = ["*"]\nrisks = ["destructive"]\neffect = "deny"\n'
            'tools = ["proxmox_stop_guets", "truenas_*"]\ntoolsets = ["proxmox:gusts"]\nkinds = ["prox*", "idrak"]\n'
            + _CASE,
            "rule 1 names the kind idrak, and there is none; "
            "rule 1 names the toolset proxmox:gusts, and there is none; "
            "rule 1 names the tool proxmox_stop_guets, and there is none.",
        ),
    ],
)
async def test_a_policy_file_that_proves_nothing_or_names_nothing_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    policy.chmod(0o600)
    command = [sys.executable, "-m", "holdfast", "policy", "test", str(policy)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    link = tmp_path / "link.toml"
    link.symlink_to(policy)
    linked = await asyncio.to_thread(
        subprocess.run, [*command[:-1], str(link)], capture_output=True, text=True, timeout=60, check=False
    )
    assert linked.returncode == 2
    assert "Name the file itself, no symbolic link to it" in linked.stderr


async def test_a_server_does_not_start_with_a_policy_that_names_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rules]]\nprincipals = ["*"]\nrisks = ["read"]\ntools = ["proxmox_list_guets"]\n')
    policy.chmod(0o600)
    with pytest.raises(ConfigError, match="rule 1 names the tool proxmox_list_guets, and there is none"):
        async with room("proxmox", tmp_path, control=f'policy_file = "{policy}"'):
            raise AssertionError("it started")


async def test_a_plan_is_approved_outside_of_the_client_and_then_applied_once(pve: Room, operator: Operator) -> None:
    refused = await pve.fails("proxmox_stop_guest", guest="web")
    assert refused.code == "not_confirmed"
    plan_id = str(refused.details["plan_id"])
    assert plan_id in (await operator("plans")).stdout
    approved = await operator("approve", plan_id, "--yes")
    assert approved.returncode == 0, approved.stderr
    applied = await pve.call("proxmox_stop_guest", guest="web", plan_id=plan_id)
    assert applied["outcome"] == "applied"
    again = await pve.fails("proxmox_stop_guest", guest="web", plan_id=plan_id)
    assert again.code == "plan_refused"
    assert len(pve.writes()) == 1


async def test_with_an_approvers_key_only_its_holder_makes_decisions_that_count(tmp_path: Path) -> None:
    config = tmp_path / "holdfast.toml"
    run = Operator(config)
    key, other = tmp_path / "approver.key", tmp_path / "other.key"
    lines = []
    for file in (key, other, key):
        command = [sys.executable, "-m", "holdfast", "approver-key", str(file)]
        made = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
        lines.append(made.stdout.strip())
    assert lines[0] == lines[2] != lines[1]
    assert key.stat().st_mode & 0o777 == 0o600
    config.write_text(f'[control]\nstate_dir = "{tmp_path / "state"}"\n{lines[0]}\n')
    async with room("proxmox", tmp_path, control=lines[0]) as pve:
        pve.ask = nobody
        plan_id = str((await pve.fails("proxmox_stop_guest", guest="web")).details["plan_id"])
        without = await run("approve", plan_id, "--yes")
        assert without.returncode == 2
        assert "Who holds the approver's private key decides with --key FILE." in without.stderr
        wrong = await run("approve", plan_id, "--yes", "--key", str(other))
        assert wrong.returncode == 2
        assert "is not the approver_key of [control]: no server would accept its approval" in wrong.stderr
        assert (await pve.fails("proxmox_stop_guest", guest="web", plan_id=plan_id)).code == "not_confirmed"
        right = await run("approve", plan_id, "--yes", "--key", str(key))
        assert right.returncode == 0, right.stderr
        applied = await pve.call("proxmox_stop_guest", guest="web", plan_id=plan_id)
        assert applied["outcome"] == "applied"


async def test_an_approval_made_with_the_installations_key_is_none_where_an_approvers_key_is_configured(
    tmp_path: Path,
) -> None:
    key = Ed25519Approver(b"k" * 32).public_text
    async with room("proxmox", tmp_path, control=f'approver_key = "{key}"') as pve:
        pve.ask = nobody
        plan_id = str((await pve.fails("proxmox_stop_guest", guest="web")).details["plan_id"])
        config = tmp_path / "without.toml"
        config.write_text(f'[control]\nstate_dir = "{tmp_path / "state"}"\n')
        assert (await Operator(config)("approve", plan_id, "--yes")).returncode == 0
        error = await pve.fails("proxmox_stop_guest", guest="web", plan_id=plan_id)
        assert "not signed with the approver's key" in str(error)
        assert pve.writes() == []


async def test_a_denied_plan_is_not_applied_and_the_reason_is_told(pve: Room, operator: Operator) -> None:
    refused = await pve.fails("proxmox_stop_guest", guest="web")
    plan_id = str(refused.details["plan_id"])
    assert (await operator("deny", plan_id, "--reason", "not now")).returncode == 0
    error = await pve.fails("proxmox_stop_guest", guest="web", plan_id=plan_id)
    assert error.code == "not_confirmed"
    assert "not now" in str(error)
    assert pve.writes() == []


async def test_an_approval_that_is_not_used_yet_is_withdrawn_by_a_denial(pve: Room, operator: Operator) -> None:
    plan_id = str((await pve.fails("proxmox_stop_guest", guest="web")).details["plan_id"])
    assert (await operator("approve", plan_id, "--yes")).returncode == 0
    denied = await operator("deny", plan_id, "--reason", "the backup runs")
    assert denied.returncode == 0, denied.stderr
    error = await pve.fails("proxmox_stop_guest", guest="web", plan_id=plan_id)
    assert "has denied the plan: the backup runs" in str(error)
    assert pve.writes() == []
    again = str((await pve.fails("proxmox_stop_guest", guest="web")).details["plan_id"])
    assert (await operator("approve", again, "--yes")).returncode == 0
    await pve.call("proxmox_stop_guest", guest="web", plan_id=again)
    late = await operator("deny", again)
    assert late.returncode == 2
    assert "it is too late to deny it" in late.stderr
    assert "is denied" not in late.stdout


async def test_the_kill_switch_stops_writes_of_a_running_server_and_reads_go_on(pve: Room, operator: Operator) -> None:
    assert (await operator("kill", "--reason", "drill")).returncode == 0
    error = await pve.fails("proxmox_start_guest", guest="build")
    assert error.code == "kill_switch"
    assert (await pve.call("proxmox_system_info"))["cluster"] == "rack"
    assert (await operator("release")).returncode == 0
    assert (await pve.call("proxmox_start_guest", guest="build"))["outcome"] == "applied"
    assert len(pve.writes()) == 1


async def test_the_ledger_shows_intent_and_outcome_and_its_chain_can_be_checked(
    pve: Room, operator: Operator, tmp_path: Path
) -> None:
    await pve.call("proxmox_start_guest", guest="build")
    shown = json.loads((await operator("audit", "show", "--json")).stdout)["records"]
    kinds = [record["kind"] for record in shown]
    assert kinds[:2] == ["outcome", "intent"]
    assert shown[0]["result"] == "applied"
    assert shown[1]["tool"] == "proxmox_start_guest"
    assert shown[1]["principal"] == "tester"
    assert (await operator("audit", "verify")).returncode == 0
    exported = (await operator("audit", "export", "--format", "csv")).stdout
    assert "proxmox_start_guest" in exported
    files = sorted((tmp_path / "state" / "ledger").glob("*.jsonl"))
    text = files[0].read_text().replace("proxmox_start_guest", "proxmox_start_gueft")
    files[0].write_text(text)
    broken = await operator("audit", "verify")
    assert broken.returncode == 1
    assert "BROKEN" in broken.stderr


def ledger_out_of_the_way(tmp_path: Path) -> None:
    """A ledger that nobody can write, root neither: there is a file in the place of its directory."""
    ledger = tmp_path / "state" / "ledger"
    if ledger.exists():
        ledger.rename(tmp_path / "old")
    ledger.parent.mkdir(mode=0o700, exist_ok=True)
    ledger.write_text("no directory")


async def test_a_command_whose_record_cannot_be_written_says_that_it_is_done_all_the_same(
    pve: Room, operator: Operator, tmp_path: Path
) -> None:
    refused = await pve.fails("proxmox_stop_guest", guest="web")
    plan_id = str(refused.details["plan_id"])
    ledger_out_of_the_way(tmp_path)
    for arguments, said in (
        (("kill", "--reason", "drill"), "All writes ARE stopped."),
        (("release",), "Writes ARE allowed again."),
        (("approve", plan_id, "--yes"), f"{plan_id} IS approved."),
    ):
        done = await operator(*arguments)
        assert done.returncode == 0, done.stderr
        assert said in done.stderr
        assert "It could not be recorded on the ledger:" in done.stderr
        assert "Nothing was executed" not in done.stderr
    (tmp_path / "state" / "ledger").unlink()
    assert (await pve.call("proxmox_stop_guest", guest="web", plan_id=plan_id))["outcome"] == "applied"


async def test_writes_that_cannot_be_stopped_are_told_to_go_on_with_the_way_to_stop_them(tmp_path: Path) -> None:
    config = tmp_path / "holdfast.toml"
    config.write_text("[control\n")
    done = await Operator(config)("kill", "--reason", "fire")
    assert done.returncode == 2
    assert done.stderr.startswith("holdfast: Writes were NOT stopped: ")
    assert "Writes go on." in done.stderr
    assert "create a file named stop in the servers' state directory" in done.stderr
    assert "SIGUSR1" in done.stderr
    released = await Operator(config)("release")
    assert released.stderr.startswith("holdfast: Nothing was changed: writes stay stopped if they were: ")


async def test_an_approval_that_nobody_can_be_asked_for_is_none(pve: Room, operator: Operator) -> None:
    refused = await pve.fails("proxmox_stop_guest", guest="web")
    done = await operator("approve", str(refused.details["plan_id"]))
    assert "Not approved." in done.stdout
    assert "Traceback" not in done.stderr


async def test_a_damaged_ledger_is_set_aside_whole_and_writes_go_on(
    pve: Room, operator: Operator, tmp_path: Path
) -> None:
    await pve.call("proxmox_start_guest", guest="build")
    ledger = tmp_path / "state" / "ledger"
    damaged = (ledger / "ledger.jsonl").read_text().replace("tester", "nobody")
    (ledger / "ledger.jsonl").write_text(damaged)
    (ledger / "head.json").unlink()
    error = await pve.fails("proxmox_stop_guest", guest="build", dry_run=False)
    assert error.code in ("ledger", "not_confirmed")
    done = await operator("audit", "restart", "--reason", "edited by hand", "--yes")
    assert done.returncode == 0, done.stderr
    [aside] = ledger.glob("set-aside-*")
    assert (aside / "ledger.jsonl").read_text() == damaged
    assert (await operator("audit", "verify")).returncode == 0
    assert (await pve.call("proxmox_create_pool", pool="prod"))["outcome"] == "applied"
    assert (await operator("audit", "verify")).returncode == 0
    first = json.loads((await operator("audit", "show", "--json")).stdout)["records"][-1]
    assert (first["kind"], first["reason"]) == ("restarted", "edited by hand")


async def test_a_tail_that_was_cut_off_with_the_head_shows_after_the_next_start_too(
    pve: Room, operator: Operator, tmp_path: Path
) -> None:
    await pve.call("proxmox_start_guest", guest="build")
    await pve.call("proxmox_create_pool", pool="prod")
    ledger = tmp_path / "state" / "ledger"
    lines = (ledger / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    (ledger / "ledger.jsonl").write_bytes(b"".join(lines[:3]))
    (ledger / "head.json").unlink()
    assert (await operator("audit", "verify")).returncode == 1
    assert (await operator("kill", "--reason", "drill")).returncode == 0  # writes to the ledger, which recovers
    checked = await operator("audit", "verify")
    assert checked.returncode == 1
    assert "The head was lost before record 4: whether records were cut off there cannot be told." in checked.stderr
    facts = json.loads((await operator("audit", "verify", "--json")).stdout)
    assert (facts["ok"], facts["broken"], facts["head_lost_before"]) == (False, None, [4])
    await operator("audit", "restart", "--reason", "cut", "--yes")
    assert (await operator("audit", "verify")).returncode == 0


async def test_a_write_of_unknown_outcome_is_settled_by_hand_and_shown_as_such(
    operator: Operator, tmp_path: Path
) -> None:
    ledger = control_parts(tmp_path / "holdfast.toml").ledger
    ids: list[str] = []
    for number, outcome in enumerate((Outcome("unknown", note="nothing shows it", final=True), Outcome("applied"))):
        async with ledger.attempt(intent(number)) as entry:
            entry.settle(outcome)
        ids.append(entry.id)
    await ledger.close()
    name, known = ids
    listed = await operator("audit", "unknown")
    assert name in listed.stdout
    assert "Stop VM 0" in listed.stdout
    assert "nothing shows it" in listed.stdout
    assert known not in listed.stdout
    [facts] = json.loads((await operator("audit", "unknown", "--json")).stdout)["writes"]
    assert (facts["id"], facts["target"], facts["arguments"]) == (name, "pve", {"vmid": 0})
    assert facts["looked_at_again"] is False
    verified = await operator("audit", "verify")
    assert verified.returncode == 0
    assert "1 write has an unknown outcome: holdfast audit unknown" in verified.stdout

    for arguments, said in (
        ((known, "--applied", "--note", "x"), f"The outcome of {known} is known: applied. Nothing was recorded."),
        (("feedfeedfeedfeed", "--applied", "--note", "x"), "There is no write feedfeedfeedfeed on the ledger."),
        ((name, "--applied", "--note", " "), "say how you know"),
        ((name, "--note", "x"), "Missing option '--applied'"),
        ((name, "--applied"), "Missing option '--note'"),
    ):
        refused = await operator("audit", "settle", *arguments)
        assert refused.returncode == 2
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    done = await operator("audit", "settle", name, "--not-applied", "--note", "the guest runs", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["id"], told["result"], told["note"]) == (name, "not_applied", "the guest runs")
    again = await operator("audit", "settle", name, "--applied", "--note", "x")
    assert (again.returncode, f"The outcome of {name} is known: not_applied" in again.stderr) == (2, True)

    shown = json.loads((await operator("audit", "show", "--json", "--result", "not_applied")).stdout)["records"]
    assert shown[0]["result"] == "not_applied"
    assert shown[0]["settled_by"] == told["settled_by"]
    line = (await operator("audit", "show", "--result", "not_applied")).stdout
    assert all(text in line for text in (name, "not_applied", told["settled_by"], "the guest runs"))
    assert f"the guest runs,{told['settled_by']}" in (await operator("audit", "export", "--format", "csv")).stdout
    checked = await operator("audit", "verify")
    assert checked.returncode == 0
    assert "1 outcome was settled by hand." in checked.stdout
    facts = json.loads((await operator("audit", "verify", "--json")).stdout)
    assert (facts["ok"], facts["unknown"], facts["settled_by_hand"]) == (True, [], 1)
    assert "No write has an unknown outcome." in (await operator("audit", "unknown")).stdout


async def test_what_somebody_wrote_into_the_ledgers_files_does_not_act_on_the_terminal(
    operator: Operator, tmp_path: Path
) -> None:
    ledger = control_parts(tmp_path / "holdfast.toml").ledger
    await ledger.event("begun")
    await ledger.close()
    place = tmp_path / "state" / "ledger" / "ledger.jsonl"
    escape = "\x1b]0;gone\x07\x1b[2K\r\u202e"
    bodies: tuple[tuple[Kind, Body], ...] = (
        ("intent", {"id": "x" + escape, "summary": escape}),
        ("outcome", {"id": "x" + escape, "result": "unknown"}),
    )
    with place.open("ab") as file:
        for number, (kind, body) in enumerate(bodies, 3):
            file.write(seal(number, 0.0, kind, "me", {**body, "note": escape}, "0" * 64, None).line())
    for command in (("audit", "show"), ("audit", "unknown"), ("audit", "verify")):
        done = await operator(*command)
        assert not set("\x1b\x07\r\u202e") & set(done.stdout + done.stderr), command
        assert "Traceback" not in done.stderr
    assert "x" in (await operator("audit", "unknown")).stdout


async def test_a_file_that_cannot_be_used_is_named(operator: Operator, tmp_path: Path) -> None:
    place = tmp_path / "none" / "export.csv"
    failed = await operator("audit", "export", "--out", str(place))
    assert failed.returncode == 1
    assert failed.stderr == f"holdfast: No such file or directory: {place}\n"


async def test_a_wrong_plan_id_ends_with_one_line_and_no_traceback(operator: Operator) -> None:
    run = await operator("approve", "plan-doesnotexist", "--yes")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert run.stderr.startswith("holdfast: There is no request about this plan.")
