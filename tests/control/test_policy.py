"""Policy: nobody may what no rule allows, a denial always wins, and the file proves its own rules."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from holdfast.control.policy import Decision, Policy
from holdfast.errors import ConfigError, PolicyError

FILE = b"""
version = 1

[[rules]]
principals = ["alice"]
risks = ["read", "write", "destructive"]
note = "may do everything but touch the backup box"

[[rules]]
principals = ["*"]
effect = "deny"
targets = ["backup-*"]
risks = ["write", "destructive"]

[[rules]]
principals = ["oncall-*"]
targets = ["pve-*", "nas"]
kinds = ["proxmox", "truenas"]
risks = ["read", "write"]
toolsets = ["guests", "truenas:storage"]
tools = ["proxmox_*", "truenas_list_?ools"]

[[tests]]
principal = "alice"
target = "backup-1"
kind = "truenas"
toolset = "storage"
risk = "write"
tool = "truenas_create_snapshot"
expect = "deny"

[[tests]]
principal = "oncall-7"
target = "pve-1"
kind = "proxmox"
toolset = "guests"
risk = "write"
tool = "proxmox_start_guest"
expect = "allow"
"""

POLICY = Policy.parse(FILE)


def may(principal: str, target: str | None, kind: str, toolset: str, risk: str, tool: str) -> bool:
    return POLICY.evaluate(principal, target, kind, toolset, risk, tool).allowed


ONCALL = ("oncall-7", "pve-1", "proxmox", "guests", "write", "proxmox_start_guest")


def test_what_a_rule_allows_is_allowed_and_the_reason_names_the_rule() -> None:
    assert POLICY.evaluate(*ONCALL) == Decision(True, "rule 3 allows it")


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, "oncall"),
        (0, "Oncall-7"),
        (0, "mallory"),
        (0, ""),
        (0, "x-oncall-7"),
        (1, "fw"),
        (1, "xpve-1"),
        (1, "nas2"),
        (2, "idrac"),
        (3, "storage"),
        (3, "truenas:guests"),
        (1, "truenas.pve-1"),
        (1, "pve.pve-1"),
        (4, "destructive"),
        (4, "READ"),
        (4, ""),
        (5, "idrac_power_off"),
        (5, "xproxmox_start_guest"),
    ],
)
def test_a_call_that_differs_in_one_thing_from_what_is_allowed_is_denied(position: int, value: str) -> None:
    call = [*ONCALL]
    call[position] = value
    principal, target, kind, toolset, risk, tool = call
    assert POLICY.evaluate(principal, target, kind, toolset, risk, tool) == Decision(False, "no rule allows it")


def test_a_toolset_may_be_named_with_its_kind() -> None:
    assert may("oncall-1", "nas", "truenas", "storage", "read", "truenas_list_pools")
    assert may("oncall-1", "nas", "truenas", "truenas:storage", "read", "truenas_list_pools")
    assert may("oncall-1", "nas", "proxmox", "proxmox:guests", "read", "proxmox_list_pools")
    assert not may("oncall-1", "nas", "proxmox", "storage", "read", "proxmox_list_pools")


def test_a_target_may_be_named_with_its_kind() -> None:
    assert may("oncall-1", "truenas.nas", "truenas", "storage", "read", "truenas_list_pools")
    assert not may("alice", "truenas.backup-1", "truenas", "s", "write", "t")
    policy = Policy.parse(b"[[rules]]\nprincipals = ['a']\nrisks = ['read']\ntargets = ['proxmox.*']")
    for target, kind, allowed in (("x", "proxmox", True), ("proxmox.x", "proxmox", True), ("x", "idrac", False)):
        assert policy.evaluate("a", target, kind, "t", "read", "tool").allowed is allowed


def test_a_question_mark_stands_for_exactly_one_character() -> None:
    assert not may("oncall-1", "nas", "truenas", "storage", "read", "truenas_list_ools")
    assert not may("oncall-1", "nas", "truenas", "storage", "read", "truenas_list_xxools")


def test_a_denial_wins_over_a_permission_whatever_their_order() -> None:
    assert POLICY.evaluate("alice", "backup-1", "truenas", "s", "write", "t") == Decision(False, "rule 2 denies it")
    assert may("alice", "backup-1", "truenas", "s", "read", "t")
    assert may("alice", "other", "truenas", "s", "destructive", "t")


def test_a_call_on_no_single_target_needs_a_rule_for_all_and_no_denial_for_any() -> None:
    assert may("alice", None, "estate", "estate", "read", "estate_health")
    assert not may("alice", None, "estate", "estate", "write", "t")
    assert not may("oncall-7", None, "proxmox", "guests", "read", "proxmox_find_guest")


def test_every_cell_of_the_matrix_is_as_written_by_hand() -> None:
    principals, targets, risks = (
        ("alice", "oncall-1", "eve"),
        ("pve-1", "nas", "fw", "backup-1"),
        ("read", "write", "destructive"),
    )
    allowed = {
        cell
        for cell in itertools.product(principals, targets, risks)
        if may(cell[0], cell[1], "proxmox", "guests", cell[2], "proxmox_x")
    }
    assert allowed == {
        *itertools.product(("alice",), ("pve-1", "nas", "fw"), risks),
        ("alice", "backup-1", "read"),
        *itertools.product(("oncall-1",), ("pve-1", "nas"), ("read", "write")),
    }


def test_of_several_rules_that_allow_the_first_is_named() -> None:
    rule = b"[[rules]]\nprincipals = ['a']\nrisks = ['read']\n"
    assert Policy.parse(rule * 3).evaluate("a", "t", "k", "s", "read", "x").reason == "rule 1 allows it"


def test_without_a_file_the_modes_of_the_targets_decide_alone() -> None:
    assert Policy.open().evaluate("x", "y", "z", "a", "destructive", "b") == Decision(True, "there is no policy file")
    Policy.open().require("x", None, "z", "a", "destructive", "b")


def test_an_empty_file_allows_nothing() -> None:
    assert Policy.parse(b"").evaluate(*ONCALL) == Decision(False, "no rule allows it")


def test_what_is_not_allowed_is_refused_with_the_reason() -> None:
    POLICY.require(*ONCALL)
    with pytest.raises(PolicyError, match=r"proxmox_x here: no rule allows it\. Nothing was executed"):
        POLICY.require("eve", "pve-1", "proxmox", "guests", "read", "proxmox_x")


@pytest.mark.parametrize("expect", ["allow", "deny"])
def test_a_file_whose_test_fails_is_refused_and_the_test_named(expect: str) -> None:
    wrong = (
        FILE.replace(b'expect = "deny"', b'expect = "allow"')
        if expect == "allow"
        else FILE.replace(b'expect = "allow"', b'expect = "deny"')
    )
    with pytest.raises(ConfigError) as caught:
        Policy.parse(wrong, "policy.toml")
    number, rule = (1, "rule 2 denies it") if expect == "allow" else (2, "rule 3 allows it")
    assert f"policy.toml: test {number} (" in str(caught.value)
    assert str(caught.value).endswith(f"expects {expect}, but: {rule}")


def test_several_failing_tests_are_counted() -> None:
    wrong = FILE.replace(b'expect = "deny"', b'expect = "x"').replace(b'expect = "allow"', b'expect = "deny"')
    with pytest.raises(ConfigError, match="2 tests fail"):
        Policy.parse(wrong.replace(b'expect = "x"', b'expect = "allow"'))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"rules = 5", "rules"),
        (b"[[rules]]\nrisks = ['read']", "principals"),
        (b"[[rules]]\nprincipals = ['a']", "risks"),
        (b"[[rules]]\nprincipals = []\nrisks = ['read']", "principals"),
        (b"[[rules]]\nprincipals = ['a']\nrisks = []", "risks"),
        (b"[[rules]]\nprincipals = ['a']\nrisks = ['reed']", "risks"),
        (b"[[rules]]\nprincipals = ['a']\nrisks = ['read']\ntarget = ['x']", "target"),
        (b"[[rules]]\nprincipals = ['a']\nrisks = ['read']\neffect = 'maybe'", "effect"),
        (b"[[rules]]\nprincipals = ['a b']\nrisks = ['read']", "principals"),
        (b"[[rules]]\nprincipals = ['[a]']\nrisks = ['read']", "principals"),
        (b"[[rules]]\nprincipals = ['']\nrisks = ['read']", "principals"),
        (b"[[rules]]\nprincipals = ['a']\nrisks = ['read']\ntargets = []", "targets"),
        (b"[[rule]]\nprincipals = ['a']\nrisks = ['read']", "rule"),
        (b"version = 2", "version"),
        (b"[[tests]]\nprincipal = 'a'", "tests"),
        (b"not toml", "TOML"),
        (b"\xff\xfe", "TOML"),
    ],
)
def test_a_file_with_anything_unknown_in_it_is_refused_as_a_whole(text: bytes, where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        Policy.parse(text)


def test_a_policy_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(FILE)
    path.chmod(0o644)
    assert Policy.load(path).evaluate(*ONCALL).allowed


def test_a_policy_file_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(FILE)
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="Others may write"):
        Policy.load(path)


def test_a_missing_or_unreadable_policy_file_is_an_error_and_not_an_open_door(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no policy file"):
        Policy.load(tmp_path / "policy.toml")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ConfigError, match="cannot be read"):
        Policy.load(tmp_path / "loop")
    with pytest.raises(ConfigError):
        Policy.load(tmp_path)


def test_a_pattern_of_many_stars_is_matched_at_once() -> None:
    policy = Policy.parse(b"[[rules]]\nprincipals = ['" + b"*a" * 60 + b"']\nrisks = ['read']")
    assert not policy.evaluate("a" * 59 + "b", None, "k", "t", "read", "x").allowed
    assert policy.evaluate("a" * 60, "t", "k", "t", "read", "x").allowed
