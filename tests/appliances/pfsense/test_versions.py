"""What a release cannot do is said, not tried."""

from __future__ import annotations

import pytest

from holdfast.appliances.pfsense.versions import Versions, parse_version
from holdfast.errors import ProtocolError, ValidationError
from holdfast.transport.urls import Query
from holdfast.transport.values import JsonValue
from tests.appliances.pfsense.conftest import Open
from tests.appliances.pfsense.elsewhere import tracker_of


@pytest.mark.parametrize(
    ("text", "version"), [("v2.7.0", (2, 7)), ("v2.10", (2, 10)), ("2.8.4", (2, 8)), ("v2.10.0", (2, 10))]
)
def test_versions_are_read_however_the_package_writes_them(text: str, version: tuple[int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "unknown", "2", "v2.x"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_version(text)


class Firewall:
    """Answers for the discovery of a version."""

    def __init__(self, version: str, *, knows_dry_run: bool = True) -> None:
        self.version = version
        self.knows_dry_run = knows_dry_run
        self.asked: list[str] = []

    async def get(self, *segments: str, query: Query | None = None) -> JsonValue:
        self.asked.append("/".join(segments))
        if segments[0] == "system":
            return {"current_version": self.version}
        if self.knows_dry_run:
            raise ValidationError("no", vendor_code="ENDPOINT_DRY_RUN_NOT_SUPPORTED_ON_GET")
        return []

    async def public_version(self) -> str:
        return self.version


@pytest.mark.parametrize(
    ("version", "knows", "trusted"),
    [
        ("v2.7.7", False, False),
        ("v2.8.4", True, True),
        ("v2.8.4", False, False),
        ("v2.10", True, True),
        ("v2.11", True, False),
        ("v3.0", True, False),
    ],
)
async def test_a_dry_run_is_trusted_in_releases_that_are_known_to_honour_it_and_show_it(
    version: str, knows: bool, trusted: bool
) -> None:
    assert await Versions(Firewall(version, knows_dry_run=knows)).has_dry_run() is trusted


async def test_a_package_that_was_replaced_under_a_running_server_is_noticed() -> None:
    now = [0.0]
    firewall = Firewall("v2.10")
    versions = Versions(firewall, monotonic=lambda: now[0])
    assert await versions.version() == (2, 10)
    firewall.version = "v2.7.0"
    assert await versions.version() == (2, 10)
    now[0] = 601.0
    assert await versions.version() == (2, 7)
    assert not await versions.has_dry_run()


@pytest.mark.parametrize(
    ("persona", "tool", "arguments", "since"),
    [
        ("2.6", "pfsense_list_static_mappings", {}, "2.7"),
        ("2.6", "pfsense_ping", {"host": "10.20.0.1"}, "2.7"),
        ("2.5", "pfsense_table", {"name": "bogons"}, "2.6"),
        ("2.7", "pfsense_read_log", {"log": "system"}, "2.8"),
        ("2.4", "pfsense_get_settings", {"kind": "timezone"}, "2.6"),
    ],
)
async def test_what_a_release_lacks_is_a_clean_answer_without_a_request(
    open_firewall: Open, persona: str, tool: str, arguments: dict[str, str], since: str
) -> None:
    async with open_firewall(persona=persona) as fw:
        error = await fw.fails(tool, **arguments)
        assert error.code == "unsupported"
        assert "Not on this version" in str(error)
        assert since in str(error)
        assert [a.path for a in fw.arrivals] == ["/api/v2/system/restapi/version"]


async def test_a_field_that_a_release_lacks_is_refused_since_it_would_be_ignored(open_firewall: Open) -> None:
    async with open_firewall(persona="2.8") as fw:
        error = await fw.fails(
            "pfsense_update_rule", ref=tracker_of(fw, "fencing over Redfish"), changes={"dscp": "EF"}
        )
        assert error.code == "unsupported"
        assert "2.9" in str(error)
        assert fw.writes() == []


async def test_status_of_a_vpn_that_a_release_cannot_tell_is_a_note_among_the_others(open_firewall: Open) -> None:
    async with open_firewall(persona="2.8") as fw:
        answer = await fw.call("pfsense_vpn_status")
        assert "WireGuardTunnelStatus" in str(answer["notes"])
        assert answer["items"]


async def test_an_old_package_with_known_holes_is_named(open_firewall: Open) -> None:
    async with open_firewall(persona="2.8") as fw:
        assert "security holes" in str((await fw.call("pfsense_system_info"))["notes"])


async def test_an_account_that_may_not_read_the_version_learns_it_from_the_public_description(
    open_firewall: Open,
) -> None:
    async with open_firewall(account="visitor") as fw:
        assert (await fw.call("pfsense_describe_object", kind="gateway"))["title"]
        assert fw.arrivals[-1].path == "/api/v2/schema/openapi"
        assert "X-API-Key" not in fw.arrivals[-1].headers
