"""What the commands on the ledger tell and leave behind, run in this process."""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from holdfast.cli.audit import app
from holdfast.cli.setting import control_parts, operator
from holdfast.control.ledger import Outcome
from tests.control.ledgers import intent

APPLIED = Outcome("applied", verified=True)
LOST = Outcome("unknown", note="nothing shows it", final=True)
AGAIN = Outcome("unknown")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "holdfast.toml"
    file.write_text(f'[control]\nstate_dir = "{tmp_path / "state"}"\n')
    return file


def recorded(config: Path, *outcomes: Outcome, **changed: Any) -> list[str]:
    """Writes on the ledger with these outcomes: their ids."""

    async def record() -> list[str]:
        ledger = control_parts(config).ledger
        ids = []
        for number, outcome in enumerate(outcomes, 100):
            async with ledger.attempt(intent(number, **changed)) as entry:
                entry.settle(outcome)
            ids.append(entry.id)
        await ledger.close()
        return ids

    return asyncio.run(record())


def run(config: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(config)], input=typed)


def told(config: Path, *arguments: str) -> dict[str, Any]:
    """The only thing that a command prints with --json."""
    facts: dict[str, Any] = json.loads(run(config, *arguments, "--json").output)
    return facts


def ledger_of(config: Path) -> Path:
    return config.parent / "state" / "ledger"


def lines(result: Result) -> Sequence[str]:
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_records_are_shown_page_by_page_with_what_each_of_them_says(config: Path) -> None:
    [name] = recorded(config, APPLIED)
    shown = lines(run(config, "show"))
    assert [line.split()[3] for line in shown[:2]] == ["outcome", "intent"]
    assert not any("More" in line for line in shown)
    assert f"{name}  applied" in shown[0]
    assert f"{name}  proxmox_stop_guest  pve  Stop VM 100" in shown[1]
    first, more = lines(run(config, "show", "--limit", "1"))
    assert first == shown[0]
    assert more == f"More: --cursor {first.split()[0]}"
    assert lines(run(config, "show", "--cursor", first.split()[0])) == shown[1:]
    page = told(config, "show", "--limit", "1")
    assert [record["kind"] for record in page["records"]] == ["outcome"]
    assert page["cursor"] == int(first.split()[0])


def test_a_whole_chain_is_told_to_hold_and_nothing_else(config: Path) -> None:
    recorded(config, APPLIED)
    [line] = lines(run(config, "verify"))
    facts = told(config, "verify")
    assert line == f"The chain holds: {facts['records']} records in 1 files, end {facts['end']['hash'][:16]}…"
    assert (facts["ok"], facts["broken"], facts["unknown"], facts["head_lost_before"]) == (True, None, [], [])


@pytest.mark.parametrize(("count", "said"), [(1, "1 write has"), (2, "2 writes have")])
def test_a_whole_chain_tells_how_many_outcomes_are_unknown(config: Path, count: int, said: str) -> None:
    recorded(config, *[LOST] * count)
    assert lines(run(config, "verify"))[1:] == [f"{said} an unknown outcome: holdfast audit unknown"]


@pytest.mark.parametrize(("count", "said"), [(1, "1 outcome was"), (2, "2 outcomes were")])
def test_a_whole_chain_tells_how_many_outcomes_were_settled_by_hand(config: Path, count: int, said: str) -> None:
    for name in recorded(config, *[LOST] * count):
        assert run(config, "settle", name, "--applied", "--note", "it stands").exit_code == 0
    assert lines(run(config, "verify"))[1:] == [f"{said} settled by hand."]


@pytest.mark.parametrize(("count", "said"), [(1, "corrected once"), (2, "corrected 2 times")])
def test_a_whole_chain_tells_how_often_a_word_was_taken_back(config: Path, count: int, said: str) -> None:
    [name] = recorded(config, LOST)
    assert run(config, "settle", name, "--applied", "--note", "it stands").exit_code == 0
    for _ in range(count):
        assert run(config, "correct", name, "--as", "not_applied", "--note", "it runs").exit_code == 0
    assert lines(run(config, "verify"))[1:] == [f"1 outcome was settled by hand, and {said}."]
    assert told(config, "verify")["corrected_by_hand"] == count


def test_a_broken_chain_is_told_where_and_by_the_exit(config: Path) -> None:
    recorded(config, LOST)
    place = ledger_of(config) / "ledger.jsonl"
    place.write_text(place.read_text().replace("alice", "mallory"))
    result = run(config, "verify")
    assert result.exit_code == 1
    assert "The chain is BROKEN after" in result.stderr
    assert result.stdout == ""
    broken = told(config, "verify")
    assert broken["ok"] is False
    assert broken["broken"]
    assert str(broken["broken"]) in result.stderr
    assert run(config, "verify", "--json").exit_code == 1


def test_a_head_that_was_lost_is_told_with_the_place(config: Path) -> None:
    recorded(config, APPLIED)
    (ledger_of(config) / "head.json").unlink()
    recorded(config, APPLIED)
    [before] = told(config, "verify")["head_lost_before"]
    result = run(config, "verify")
    assert result.exit_code == 1
    assert f"The head was lost before record {before}: whether records were cut off" in result.stderr


def test_writes_of_unknown_outcome_are_listed_with_what_may_help_to_settle_them(config: Path) -> None:
    lost, again = recorded(config, LOST, AGAIN)
    *described, advice = lines(run(config, "unknown"))
    assert [line for line in described if line.startswith(lost) and line.endswith("pve  Stop VM 100")]
    assert "  nothing shows it" in described
    assert next(line for line in described if line.startswith(again)).endswith(
        "pve  Stop VM 101  (the next start of a server looks at it)"
    )
    assert len(described) == 3
    assert advice.startswith("Look at the appliance, then say what you found: holdfast audit settle ID")
    rows = {row["id"]: row for row in told(config, "unknown")["writes"]}
    assert {name: row["looked_at_again"] for name, row in rows.items()} == {lost: False, again: True}
    assert rows[lost]["note"] == "nothing shows it"


def test_a_write_without_a_summary_is_called_by_its_tool(config: Path) -> None:
    [name] = recorded(config, LOST, summary="")
    assert lines(run(config, "unknown"))[0].endswith("pve  proxmox_stop_guest")
    done = run(config, "settle", name, "--not-applied", "--note", "it runs")
    assert lines(done) == [f"{name} (pve: proxmox_stop_guest) is not_applied, says {operator()}."]


def test_where_all_outcomes_are_known_that_is_told(config: Path) -> None:
    recorded(config, APPLIED)
    assert lines(run(config, "unknown")) == ["No write has an unknown outcome."]
    assert told(config, "unknown") == {"writes": []}


@pytest.mark.parametrize(("flag", "result"), [("--applied", "applied"), ("--not-applied", "not_applied")])
def test_an_outcome_is_settled_as_it_was_said_with_name_and_note(config: Path, flag: str, result: str) -> None:
    first, second = recorded(config, LOST, LOST)
    assert lines(run(config, "settle", first, flag, "--note", " I looked ")) == [
        f"{first} (pve: Stop VM 100) is {result}, says {operator()}."
    ]
    assert told(config, "settle", second, flag, "--note", "I looked") == {
        "id": second,
        "result": result,
        "settled_by": operator(),
        "note": "I looked",
    }
    settled = told(config, "show", "--result", result)["records"]
    assert {(record["id"], record["note"], record["verified"]) for record in settled} == {
        (first, "I looked", False),
        (second, "I looked", False),
    }


def test_nothing_is_settled_without_saying_how_one_knows(config: Path) -> None:
    [name] = recorded(config, LOST)
    refused = run(config, "settle", name, "--applied", "--note", "  ")
    assert refused.exit_code == 2
    assert "say how you know" in refused.stderr
    assert told(config, "verify")["unknown"] == [name]


def test_a_ledger_that_was_settled_by_hand_is_left_closed(config: Path) -> None:
    [name] = recorded(config, LOST)
    assert run(config, "settle", name, "--applied", "--note", "it stands").exit_code == 0
    opened = [os.readlink(file) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert not [target for target in opened if str(ledger_of(config)) in target]


def settled(config: Path, outcome: Outcome | None = None) -> tuple[str, int]:
    """A write that was settled by hand as applied: its id, and the number of that record."""
    [name] = recorded(config, outcome or LOST)
    assert run(config, "settle", name, "--applied", "--note", "it stands").exit_code == 0
    return name, int(told(config, "show", "--limit", "1")["records"][0]["seq"])


@pytest.mark.parametrize("result", ["applied", "not_applied", "unknown"])
def test_a_word_is_taken_back_as_it_was_said_with_name_and_note(config: Path, result: str) -> None:
    name, word = settled(config)
    assert lines(run(config, "correct", name, "--as", result, "--note", " I was wrong ")) == [
        f"{name} (pve: Stop VM 100) is {result}, says {operator()}; record {word}, by {operator()}, said applied."
    ]
    assert told(config, "correct", name, "--as", "not_applied", "--note", "again") == {
        "id": name,
        "result": "not_applied",
        "settled_by": operator(),
        "note": "again",
        "corrects": word + 2,
        "result_before": result,
    }


def test_show_tells_which_word_counts_and_which_was_taken_back(config: Path) -> None:
    name, word = settled(config)
    assert "taken back" not in run(config, "show").output
    assert run(config, "correct", name, "--as", "not_applied", "--note", "it runs").exit_code == 0
    correction = word + 2
    by_number = {int(line.split()[0]): line for line in lines(run(config, "show"))}
    assert by_number[correction].endswith(f"it runs  corrects record {word}")
    assert by_number[word].endswith(f"it stands  taken back by record {correction}")
    assert not any("record" in line for number, line in by_number.items() if number not in (word, correction))
    rows = {row["seq"]: row for row in told(config, "show")["records"]}
    assert rows[word]["corrected_by"] == correction
    assert rows[correction]["corrects"] == word
    assert [number for number, row in rows.items() if "corrected_by" in row] == [word]
    only = told(config, "show", "--result", "applied")["records"]
    assert [row["corrected_by"] for row in only] == [correction]


def test_a_write_that_is_unknown_after_all_is_listed_again_with_who_took_what_back(config: Path) -> None:
    name, word = settled(config)
    assert run(config, "correct", name, "--as", "unknown", "--note", "another guest was meant").exit_code == 0
    first, second, third, _ = lines(run(config, "unknown"))
    assert first.startswith(name)
    assert first.endswith("Stop VM 100")
    assert second == f"  {operator()} took back what record {word} says"
    assert third == "  another guest was meant"
    [row] = told(config, "unknown")["writes"]
    assert (row["settled_by"], row["corrects"], row["looked_at_again"]) == (operator(), word, False)
    assert run(config, "settle", name, "--not-applied", "--note", "it runs").exit_code == 0
    assert told(config, "unknown") == {"writes": []}
    plain = recorded(config, LOST)
    [row] = told(config, "unknown")["writes"]
    assert (row["id"], "settled_by" in row, "corrects" in row) == (plain[0], False, False)


def test_nothing_is_taken_back_without_saying_how_one_knows(config: Path) -> None:
    name, word = settled(config)
    refused = run(config, "correct", name, "--as", "unknown", "--note", "  ")
    assert refused.exit_code == 2
    assert "say how you know" in refused.stderr
    assert run(config, "correct", name, "--as", "perhaps", "--note", "x").exit_code == 2
    assert told(config, "show", "--limit", "1")["records"][0]["seq"] == word


def test_a_ledger_on_which_a_word_was_taken_back_is_left_closed(config: Path) -> None:
    name, _ = settled(config, AGAIN)
    assert run(config, "correct", name, "--as", "not_applied", "--note", "it runs").exit_code == 0
    opened = [os.readlink(file) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert not [target for target in opened if str(ledger_of(config)) in target]


def test_a_write_without_a_summary_that_is_corrected_is_called_by_its_tool(config: Path) -> None:
    [name] = recorded(config, LOST, summary="")
    assert run(config, "settle", name, "--applied", "--note", "it stands").exit_code == 0
    done = lines(run(config, "correct", name, "--as", "not_applied", "--note", "it runs"))
    assert done[0].startswith(f"{name} (pve: proxmox_stop_guest) is not_applied, says")


def test_an_export_tells_what_was_taken_back(config: Path) -> None:
    name, word = settled(config)
    assert run(config, "correct", name, "--as", "not_applied", "--note", "it runs").exit_code == 0
    rows = {row["seq"]: row for row in csv.DictReader(run(config, "export", "--format", "csv").output.splitlines())}
    assert rows[str(word)]["corrected_by"] == str(word + 2)
    assert rows[str(word + 2)]["corrects"] == str(word)
    assert f"cn3={word + 2} cn3Label=correctedBy" in run(config, "export", "--format", "cef").output


def test_all_records_are_exported_to_the_output_or_to_a_file(config: Path, tmp_path: Path) -> None:
    recorded(config, APPLIED)
    out = tmp_path / "export.csv"
    assert lines(run(config, "export", "--format", "csv", "--out", str(out))) == []
    shown = run(config, "export", "--format", "csv").output
    assert shown.splitlines() == out.read_text(encoding="utf-8").splitlines()
    assert "Stop VM 100" in shown


def test_where_there_is_no_ledger_none_is_set_aside_and_nothing_is_made(config: Path) -> None:
    result = run(config, "restart", "--reason", "drill", "--yes")
    assert lines(result) == [f"There is no ledger in {config.parent / 'state'}."]
    assert not ledger_of(config).exists()


def test_a_ledger_is_set_aside_only_when_the_person_agrees(config: Path) -> None:
    recorded(config, APPLIED)
    before = (ledger_of(config) / "ledger.jsonl").read_bytes()
    refused = run(config, "restart", "--reason", "drill", typed="n\n")
    assert refused.exit_code == 1
    assert f"Set the ledger in {ledger_of(config)} aside and begin a new one?" in refused.output
    assert (ledger_of(config) / "ledger.jsonl").read_bytes() == before
    agreed = run(config, "restart", "--reason", "drill", typed="y\n")
    assert agreed.exit_code == 0
    [aside] = ledger_of(config).glob("set-aside-*")
    assert f"The old ledger is in {aside}; a new one has begun. Keep the old one." in agreed.output
    assert (aside / "ledger.jsonl").read_bytes() == before


def test_who_says_yes_beforehand_is_not_asked(config: Path) -> None:
    recorded(config, APPLIED)
    done = run(config, "restart", "--reason", "drill", "--yes", typed="")
    assert len(lines(done)) == 1
    assert "a new one has begun" in done.output
    [first] = told(config, "show")["records"]
    assert (first["kind"], first["reason"], first["who"]) == ("restarted", "drill", operator())
