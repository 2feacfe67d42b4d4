"""The table of methods is the vendor's, and nothing in it is left unanswered."""

from __future__ import annotations

import pytest

from holdfast.simulators.proxmox import PERSONAS
from holdfast.simulators.proxmox.call import HANDLERS
from holdfast.simulators.proxmox.facts import method_table
from tests.simulators.proxmox.extract_facts import TABLE, table_text
from tests.support import schemas_dir


def test_the_committed_table_is_what_the_vendor_s_schemas_say() -> None:
    schemas_dir()
    assert TABLE.read_text(encoding="utf-8") == table_text()


@pytest.mark.parametrize("release", PERSONAS)
def test_every_method_of_a_release_has_a_handler(release: str) -> None:
    assert [endpoint for endpoint in method_table(release).methods if endpoint not in HANDLERS] == []


def test_no_handler_answers_a_method_that_no_release_has() -> None:
    known = {endpoint for release in PERSONAS for endpoint in method_table(release).methods}
    assert [endpoint for endpoint in HANDLERS if endpoint not in known] == []


def test_a_path_finds_its_method_and_values() -> None:
    table = method_table("9.1")
    found = table.find("GET", "/nodes/pve1/storage/local/content/local:iso/a b.iso")
    assert found is not None
    assert found[0].endpoint == "GET /nodes/{node}/storage/{storage}/content/{volume}"
    assert found[1] == {"node": "pve1", "storage": "local", "volume": "local:iso/a b.iso"}


def test_an_address_with_a_slash_is_one_value() -> None:
    found = method_table("9.1").find("DELETE", "/cluster/firewall/ipset/friends/192.0.2.0/24")
    assert found is not None
    assert found[1] == {"name": "friends", "cidr": "192.0.2.0/24"}


def test_methods_of_release_9_are_unknown_to_release_8() -> None:
    assert method_table("9.1").find("GET", "/cluster/ha/rules") is not None
    assert method_table("8.4").find("GET", "/cluster/ha/rules") is None
    assert method_table("8.4").find("GET", "/nodes/pve1/scan/glusterfs") is not None
