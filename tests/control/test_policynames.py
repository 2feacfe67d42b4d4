"""A policy that names what there is not is refused: such a rule denies nothing."""

from __future__ import annotations

import pytest

from holdfast.control.inventory import Entry
from holdfast.control.policy import Policy
from holdfast.control.policynames import misnamed, require_names
from holdfast.control.spec import Risk
from holdfast.errors import ConfigError


def entry(kind: str, toolset: str, name: str) -> Entry:
    return Entry(
        name=name,
        kind=kind,
        toolset=toolset,
        default=True,
        risk=Risk.READ,
        command=False,
        module="none",
        title=name,
        description=name,
        input_schema={},
        output_schema={},
        hints={},
    )


ENTRIES = (
    entry("proxmox", "guests", "proxmox_list_guests"),
    entry("proxmox", "guests", "proxmox_get_guest"),
    entry("truenas", "storage", "truenas_list_pools"),
)


def policy(*rules: str) -> Policy:
    given = "".join(f'[[rules]]\nprincipals = ["nobody-yet"]\nrisks = ["read"]\n{rule}\n' for rule in rules)
    return Policy.parse(f"version = 1\n{given}".encode())


@pytest.mark.parametrize(
    "rule",
    [
        "",
        'targets = ["bought-next-year"]',
        'kinds = ["proxmox", "truenas"]',
        'kinds = ["prox*", "?ruenas"]',
        'toolsets = ["guests", "storage", "proxmox:guests", "truenas:*"]',
        'tools = ["proxmox_list_guests", "proxmox_get_guest", "truenas_list_pools", "*_guest"]',
    ],
)
def test_a_rule_may_name_what_there_is_and_principals_and_targets_that_may_come(rule: str) -> None:
    assert misnamed(policy(rule), ENTRIES) == []
    require_names(policy(rule), ENTRIES, "policy.toml")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('kinds = ["proxmx"]', "kind proxmx"),
        ('kinds = ["guests"]', "kind guests"),
        ('kinds = ["Proxmox"]', "kind Proxmox"),
        ('toolsets = ["gusts"]', "toolset gusts"),
        ('toolsets = ["truenas:guests"]', "toolset truenas:guests"),
        ('toolsets = ["proxmox"]', "toolset proxmox"),
        ('tools = ["proxmox_list"]', "tool proxmox_list"),
        ('tools = ["pfsense_*"]', "tool pfsense_*"),
        ('tools = ["proxmox_*", "proxmox_get_gust"]', "tool proxmox_get_gust"),
    ],
)
def test_a_name_of_nothing_is_told_with_the_rule_it_stands_in(rule: str, said: str) -> None:
    told = f"rule 2 names the {said}, and there is none"
    assert misnamed(policy("", rule), ENTRIES) == [told]
    with pytest.raises(ConfigError) as caught:
        require_names(policy("", rule), ENTRIES, "policy.toml")
    assert caught.value.message == f"policy.toml: {told}."
    assert "holdfast tools lists all names" in str(caught.value.next_step)


def test_all_names_of_nothing_are_found_and_the_first_five_told() -> None:
    given = policy('kinds = ["a"]\ntoolsets = ["b", "guests"]', 'tools = ["c", "d", "e", "f", "g"]')
    found = misnamed(given, ENTRIES)
    assert [sentence.split(",")[0] for sentence in found] == [
        "rule 1 names the kind a",
        "rule 1 names the toolset b",
        *(f"rule 2 names the tool {name}" for name in "cdefg"),
    ]
    with pytest.raises(ConfigError) as caught:
        require_names(given, ENTRIES, "policy.toml")
    assert caught.value.message == f"policy.toml: {'; '.join(found[:5])}."


def test_where_there_are_no_rules_nothing_is_misnamed() -> None:
    assert misnamed(Policy.open(), ENTRIES) == []
    require_names(Policy.open(), ENTRIES, "policy.toml")
