"""Identifiers: real ones pass, everything that could leave its place is refused."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from holdfast.appliances.idrac import identifiers as idrac
from holdfast.appliances.pfsense import identifiers as pfsense
from holdfast.appliances.proxmox import identifiers as proxmox
from holdfast.appliances.proxmox.identifiers import NodeName, Vmid
from holdfast.appliances.truenas import identifiers as truenas
from holdfast.appliances.truenas.identifiers import JobNumber
from holdfast.control import identifiers
from holdfast.control.grammar import Grammar, grammar_of
from holdfast.errors import InputError
from tests.support.hostile import HOSTILE_BY_KIND, IDENTIFIERS, SHELL
from tests.support.realtime import growth

TYPES: dict[str, Any] = {
    name: value
    for module in (identifiers, proxmox, pfsense, truenas, idrac)
    for name, value in vars(module).items()
    if any(isinstance(part, Grammar) for part in getattr(value, "__metadata__", ()))
}
GRAMMARS = {name: grammar_of(value) for name, value in TYPES.items()}
NUMBERS: dict[str, Any] = {
    "Vmid": Vmid,
    "JobNumber": JobNumber,
}

# What the appliances of the contracts use; the grammars' own examples are checked as well.
REAL: dict[str, tuple[str, ...]] = {
    "NodeName": ("pve", "pve1", "node-01", "PVE", "1", "a" * 63),
    "StorageId": ("local", "local-lvm", "nas-vms", "ceph_rbd.1"),
    "VolumeId": (
        "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst",
        "local:100/base-100-disk-0.qcow2/102/vm-102-disk-0.qcow2",
        "local-zfs:subvol-103-disk-0",
        "pbs:backup/ct/103/2026-11-20T02:00:00Z",
        "local:snippets/user_data.yml",
    ),
    "Upid": ("UPID:pve2:000C1A2B:0A1B2C3D4:66F00000:vzdump:101:backup@pbs!nightly:",),
    "PveUserId": ("root@pam", "svc-holdfast@pve", "first.last@corp.example"),
    "SnapshotName": ("auto_2026-11-20", "ab", "a" * 40),
    "NetInterface": ("lo0", "eno1np0", "bond0", "vmbr0.4094", "enp65s0f1np1"),
    "PfInterface": ("wan", "lan", "opt12", "em1", "igb0.100", "LAN", "WireGuard"),
    "AliasName": ("a", "1a", "a" * 31, "_x"),
    "PfAddress": ("lan", "opt1:ip", "em1.20:ip", "!10.0.0.0/8", "2001:db8::/32", "!(self)", "192.168.1.1", "pppoe"),
    "PfPort": ("1", "65535", "1:65535", "http_alt", "80"),
    "IpAddress": ("0.0.0.0", "255.255.255.255", "::", "2001:db8:0:0:0:0:0:1", "::ffff:1.2.3.4"),
    "Cidr": ("10.20.0.1/32", "0.0.0.0/0", "fd00::1/128", "::/0"),
    "Fqdn": ("a", "nas1.rack.example", "xn--mller-kva.example", "a" * 63 + ".b"),
    "HostOrIp": ("nas1", "10.20.0.1", "::1", "1password.example", "fd00::1:2"),
    "Mac": ("00:08:a2:0c:11:01", "BC:24:11:5E:01:01"),
    "DatasetPath": ("tank/vm-101", "tank/apps/ix:data", "boot-pool/ROOT/25.10.0", "tank/a.b_c-d", "tank/ix-apps"),
    "ZfsSnapshotId": ("tank/My Files@auto-daily.2026-11-20", "tank@manual"),
    "SharePath": ("/mnt/tank", "/mnt/tank/.hidden", "/mnt/My Pool/a,b"),
    "AppName": ("a", "ix-app-1", "nextcloud"),
    "DellJobId": ("JID_000000000001", "RID_1"),
    "RedfishId": ("iDRAC.Embedded.1", "NIC.Integrated.1-1-1", "1", "Current-159-2.19.1__BIOS.Setup.1-1"),
    "AttributeName": ("SysPassword", "IPv4.1.Address", "Users.2#UserName", "iDRAC.Embedded.1#NIC.1#Enable"),
    "Uuid": ("00000000-0000-0000-0000-000000000000",),
}


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_real_identifiers_are_accepted_everywhere_they_can_be_given(name: str) -> None:
    grammar = GRAMMARS[name]
    model = create_model("Model", value=(TYPES[name], ...))
    assert grammar.examples
    for value in (*grammar.examples, *REAL.get(name, ())):
        assert grammar.accepts(value), value
        assert grammar.parse(value) == value
        assert model(value=value).model_dump() == {"value": value}


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_no_grammar_accepts_a_hostile_identifier(name: str) -> None:
    adapter = TypeAdapter(TYPES[name])
    for value in (*IDENTIFIERS, *SHELL, *HOSTILE_BY_KIND.get(name, ())):
        assert not GRAMMARS[name].accepts(value), value[:80]
        with pytest.raises(InputError):
            GRAMMARS[name].parse(value)
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_every_kind_named_in_the_lists_exists() -> None:
    assert set(HOSTILE_BY_KIND) <= set(GRAMMARS)
    assert set(REAL) <= set(GRAMMARS)


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_numbers_are_numbers_within_their_range(name: str) -> None:
    adapter = TypeAdapter(NUMBERS[name])
    schema = adapter.json_schema()
    low, high = schema["minimum"], schema["maximum"]
    assert schema["type"] == "integer"
    assert adapter.validate_python(low) == low
    assert adapter.validate_python(high) == high
    for wrong in (low - 1, high + 1, str(low), f" {low}", 100.0, True, None, *IDENTIFIERS, *SHELL):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_vm_ids_have_the_range_of_the_contract() -> None:
    schema = TypeAdapter(Vmid).json_schema()
    assert (schema["minimum"], schema["maximum"]) == (100, 999_999_999)


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_what_a_schema_says_is_what_is_accepted(name: str) -> None:
    grammar = GRAMMARS[name]
    schema = TypeAdapter(TYPES[name]).json_schema()
    assert schema["type"] == "string"
    assert schema["description"] == grammar.description
    assert schema["maxLength"] == grammar.max_length
    pattern = re.compile(schema["pattern"], re.ASCII)
    for value in (*grammar.examples, *REAL.get(name, ())):
        assert pattern.search(value)
    # Anchored as a whole: nothing is accepted for the sake of a part of it.
    assert not pattern.search(grammar.examples[0] + "\x00")
    assert not pattern.search("\x00" + grammar.examples[0])


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_patterns_mean_the_same_to_other_readers_of_the_schema(name: str) -> None:
    pattern = GRAMMARS[name].pattern
    assert not re.search(r"\\[wdsbAZ]|\(\?[^:]|\*\+|\+\+", pattern)


@pytest.mark.parametrize("name", sorted(GRAMMARS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_accepted_stays_in_its_place(name: str, data: st.DataObject) -> None:
    grammar = GRAMMARS[name]
    value = data.draw(st.from_regex(re.compile(grammar.pattern, re.ASCII), fullmatch=True))
    if not grammar.accepts(value):
        return
    assert 0 < len(value) <= grammar.max_length
    assert value.isascii()
    assert value.isprintable()
    assert value == value.strip()
    # The dollar sign ends names of hidden shares and can stand nowhere else.
    shown = value.removesuffix("$") if name == "ShareName" else value
    assert not set(shown) & set("\\?%\"'`$;|<>*{}[]^")
    assert not {".", ".."} & set(value.split("/"))
    if name != "SharePath":
        assert not value.startswith(("/", "-"))
    assert "//" not in value
    assert not value.endswith("/")
    segment = quote(value, safe="")
    assert "/" not in segment
    assert unquote(segment) == value


def test_a_refusal_names_the_kind_and_never_the_value() -> None:
    with pytest.raises(InputError) as caught:
        grammar_of(NodeName).parse("evil;value")
    assert "node" in str(caught.value)
    assert "evil" not in str(caught.value)
    closed = create_model("Closed", __config__=ConfigDict(hide_input_in_errors=True), node=(NodeName, ...))
    with pytest.raises(ValidationError) as found:
        closed(node="evil;value")
    assert "expected Proxmox node name" in str(found.value)
    assert "evil" not in str(found.value)


def test_an_identifier_may_be_absent_or_one_of_several_in_a_model() -> None:
    class Model(BaseModel):
        node: NodeName | None = None
        nodes: list[NodeName] = []

    assert Model().node is None
    assert Model(node="pve1", nodes=["pve2"]).nodes == ["pve2"]
    with pytest.raises(ValidationError):
        Model(nodes=["pve2", ".."])


def test_a_type_without_a_grammar_has_none() -> None:
    with pytest.raises(TypeError):
        grammar_of(Vmid)
    with pytest.raises(TypeError):
        grammar_of(str)


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_refusing_a_megabyte_takes_no_time(name: str) -> None:
    grammar = GRAMMARS[name]
    characters = "a0.-_:@ /f"
    texts = {
        size: [start + character * size for character in characters for start in ("", grammar.examples[0])]
        for size in (10_000, 1_000_000)
    }
    assert not any(grammar.accepts(text) for size in texts for text in texts[size])
    assert growth(lambda size: [grammar.accepts(text) for text in texts[size]], 10_000, 100) < 10


@pytest.mark.parametrize("name", sorted(GRAMMARS))
def test_a_pattern_that_has_to_try_everything_is_linear(name: str) -> None:
    grammar = GRAMMARS[name]
    pattern = re.compile(grammar.pattern, re.ASCII)
    texts = {
        size: [grammar.examples[0] + character * size + "\x00" for character in "a0.-_:@ /f"]
        for size in (1_000, 16_000)
    }
    assert not any(pattern.fullmatch(text) for size in texts for text in texts[size])
    assert growth(lambda size: [pattern.fullmatch(text) for text in texts[size]], 1_000) < 64


def test_the_own_check_of_a_grammar_is_part_of_it() -> None:
    grammar = Grammar("even", r"[a-z]*", 8, "an even number of letters", check=lambda text: len(text) % 2 == 0)
    assert grammar.accepts("ab")
    assert not grammar.accepts("abc")
    assert not grammar.accepts("a" * 10)
