"""What goes into a path or a query stays there; links of an appliance stay on it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import ConfigError, InputError, ProtocolError
from holdfast.transport import Origin, Request, path, same_origin_path
from holdfast.transport.urls import check_target, query_string
from tests.transport.peers import OK, peer, transport_to
from tests.transport.proofs import PROMISED, Recorder, record

HOSTILE = [
    "..",
    ".",
    "",
    "../..",
    "../../access/ticket",
    "a/../../b",
    "a/b",
    "/etc/passwd",
    "//evil.example/x",
    "\\..\\..",
    "..\\x",
    "%2e%2e",
    "%2e%2e/",
    "%2E%2E%2F",
    "..%2f..%2f",
    "%252e%252e%252f",
    "..;/x",
    "..;jsessionid=1/x",
    "a;b=c",
    "?x=1",
    "a?force=1",
    "a&b=1",
    "#frag",
    "a#b",
    "a b",
    " ",
    "\t",
    "a\r\nHost: evil.example",
    "a\nb",
    "a\x00b",
    "\x00",
    "a\x7fb",
    "a\x85b",
    "\ud800",
    "a\udfffb",
    "http://evil.example/",
    "@evil.example",
    "user:pass@evil.example",
    "evil.example:443",
    ":8006",
    "*",
    "{node}",
    "${node}",
    "$(reboot)",
    "`reboot`",
    "|reboot",
    "';DROP TABLE vms;--",
    '"><script>',
    "<svg onload=1>",
    "\u202e\u2066evil",
    "\u2024\u2024",
    "\uff0e\uff0e\uff0f",
    "\u2215etc",
    "\u200b",
    "\ufeff",
    "a" * 1024,
    "a" * 1025,
    "\u00e9" * 1000,
    "a/./b",
    "a//b",
    "~root",
    "-rf",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_identifier_is_refused_or_stays_one_segment(value: str, record_property: Recorder) -> None:
    assert len(HOSTILE) >= PROMISED["hostile_identifiers"]
    left = 0
    try:
        made = path("nodes", value, "status")
    except InputError:
        pass
    else:
        parts = urlsplit(made)
        segments = parts.path.split("/")
        left = int(
            parts.path != made
            or len(segments) != 4
            or segments[1] != "nodes"
            or segments[3] != "status"
            or unquote(segments[2]) != value
            or not made.isascii()
            or unquote(segments[2]) in ("", ".", "..")
        )
    record(record_property, "hostile_identifiers_leaving_their_segment", left)
    assert left == PROMISED["hostile_identifiers_leaving_their_segment"]


@pytest.mark.parametrize("value", ["..", ".", "a/../b", "a/.", "..%2f..", "%2e%2e", "%2e%2e/x", "%252e%252e", "..\\x"])
def test_a_segment_that_any_decoding_could_take_for_a_step_up_is_refused(value: str) -> None:
    with pytest.raises(InputError):
        path("nodes", value)


def test_a_segment_may_have_1024_characters_and_none_that_controls() -> None:
    assert path("nodes", "a" * 1024) == "/nodes/" + "a" * 1024
    for wrong in ("a" * 1025, "a\x00b", "a\nb", "a\x7fb", "a\x85b", "\t"):
        with pytest.raises(InputError):
            path("nodes", wrong)


def test_a_segment_that_is_encoded_more_often_than_it_can_be_looked_through_is_refused() -> None:
    assert path("nodes", "%2541")
    with pytest.raises(InputError):
        path("nodes", "%" + "25" * 4 + "41")


@given(st.text(max_size=60))
def test_any_text_is_refused_or_stays_one_segment(value: str) -> None:
    try:
        made = path("a", value, "b")
    except InputError:
        return
    assert made.count("/") == 3
    assert unquote(made.split("/")[2]) == value
    assert check_target(made) == made


async def test_what_arrives_at_the_server_is_what_was_built() -> None:
    async with peer(OK) as server, transport_to(server.url) as http:
        for value in ("a%2fb", "%41", "a/b", "UPID:pve1:0001:x@pam!t:", "caf\u00e9", "tank/data@auto", "*"):
            await http.send(Request("GET", path("x", value), query={"q": value}))
            target = server.arrivals[-1].line.split(" ")[1]
            assert target.startswith(path("x", value) + "?q=")
            assert unquote(target.partition("=")[2]) == value


def test_segments_may_be_numbers_but_nothing_else() -> None:
    assert path("nodes", "pve1", "qemu", 100) == "/nodes/pve1/qemu/100"
    for wrong in (None, True, 1.5, b"x"):
        with pytest.raises(InputError):
            path("a", wrong)  # type: ignore[arg-type]  # what an unchecked caller may pass
    with pytest.raises(InputError):
        path()


@pytest.mark.parametrize(
    "target",
    [
        "",
        "relative",
        "//evil.example/",
        "/a b",
        "/a\r\nX: y",
        "/a\tb",
        "/a/../b",
        "/..",
        "/.",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/%252e%252e/b",
        "/a/..%2fb",
        "/a/..%5cb",
        "/a\\b",
        "/a#b",
        "/%zz",
        "/%",
        "/caf\u00e9",
        "http://evil.example/",
        "/a?b#c",
        "/" + "a" * 16_384,
        "*",
    ],
)
async def test_a_request_target_that_is_not_absolute_and_encoded_is_refused(target: str) -> None:
    with pytest.raises(InputError):
        Request("GET", target)


def test_a_request_target_may_have_16384_characters() -> None:
    assert len(check_target("/" + "a" * 16_383)) == 16_384


# -- links -------------------------------------------------------------------------------------------------------------

LINKS = [
    "https://evil.example/redfish/v1/",
    "http://bmc.example/redfish/v1/",
    "https://bmc.example:8443/redfish/v1/",
    "https://bmc.example.evil.example/redfish/v1/",
    "https://bmc.example@evil.example/redfish/v1/",
    "https://user:pass@bmc.example/redfish/v1/",
    "//evil.example/redfish/v1/",
    "//bmc.example/redfish/v1/",
    "///redfish/v1/",
    "\\\\evil.example\\redfish",
    "https:\\\\evil.example\\redfish\\v1",
    "/\\evil.example/redfish/v1",
    "redfish/v1/",
    "./redfish/v1/",
    "../redfish/v1/",
    "",
    "#",
    "?x=1",
    "/",
    "/other/v1/",
    "/redfishy/v1/",
    "/redfish/../admin",
    "/redfish/..",
    "/redfish/%2e%2e/admin",
    "/redfish/%2E%2E%2Fadmin",
    "/redfish/%252e%252e/admin",
    "/redfish/v1/..%2f..%2fadmin",
    "/redfish/v1/..%5c..%5cadmin",
    "/redfish/v1/.%2e/admin",
    "/redfish/./v1",
    "/redfish/v1/a b",
    "/redfish/v1/\r\nHost: evil.example",
    "/redfish/v1/\x00",
    "/redfish/v1/\u202e",
    "/redfish/v1/%zz",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "ftp://bmc.example/redfish/v1/",
    "https://[::1/redfish/v1/",
    "https://bmc.example:99999/redfish/v1/",
    " /redfish/v1/",
    "/redfish/v1/" + "a" * 20_000,
]
_ORIGIN, _ = Origin.parse("https://bmc.example")


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("origin", [None, _ORIGIN])
def test_a_link_that_leaves_the_appliance_or_its_api_is_refused(link: str, origin: Origin | None) -> None:
    assert len(LINKS) >= PROMISED["hostile_links"]
    with pytest.raises(ProtocolError) as caught:
        same_origin_path(link, "/redfish/", origin=origin)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("/redfish/v1/Systems?$skip=50", "/redfish/v1/Systems?$skip=50"),
        ("/redfish", "/redfish"),
        ("/redfish/v1/Chassis/1/Thermal#/Fans/0", "/redfish/v1/Chassis/1/Thermal"),
        ("/redfish/v1/Managers/iDRAC.Embedded.1", "/redfish/v1/Managers/iDRAC.Embedded.1"),
        ("/redfish/v1/a%20b", "/redfish/v1/a%20b"),
        ("/redfish/v1/...", "/redfish/v1/..."),
        ("https://bmc.example/redfish/v1/", "/redfish/v1/"),
        ("https://BMC.example:443/redfish/v1/?a=b", "/redfish/v1/?a=b"),
    ],
)
def test_a_link_of_the_appliance_itself_can_be_requested(link: str, wanted: str) -> None:
    found = same_origin_path(link, "/redfish/", origin=_ORIGIN)
    assert found == wanted
    assert Request("GET", found).target == wanted


@given(st.text(alphabet="/.%2eEfF5cC\\?#:@abredfish \r\n", max_size=40))
def test_any_link_is_refused_or_stays_below_its_prefix(link: str) -> None:
    try:
        found = same_origin_path("/redfish/" + link, "/redfish/")
    except ProtocolError:
        return
    decoded = found.partition("?")[0]
    for _ in range(4):
        decoded = unquote(decoded)
        assert ".." not in decoded.replace("\\", "/").split("/")
    assert found.startswith("/redfish/")


async def test_a_link_is_compared_with_the_transports_own_origin() -> None:
    async with transport_to("https://bmc.example:8443") as http:
        assert http.same_origin_path("https://bmc.example:8443/redfish/v1/x", "/redfish/") == "/redfish/v1/x"
        with pytest.raises(ProtocolError):
            http.same_origin_path("https://bmc.example/redfish/v1/x", "/redfish/")


# -- origins and queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "ftp://host",
        "https://",
        "https://user:hunter2@host",
        "https://host:0",
        "https://host:99999",
        "https://host:x",
        "https://[::1",
        "https://host#x",
        "https://ho st",
        "https://ho\tst",
        "https://host\r\n",
        " https://host",
        "https://h\u00a0ost",
        "https://" + "\u00fc" * 80,
        "https://" + "a" * 64,
        "https://a..b",
        "ws://host",
    ],
)
def test_a_targets_url_that_is_no_origin_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Origin.parse(url)
    assert "hunter2" not in str(caught.value)


async def test_a_targets_url_has_no_path() -> None:
    async with transport_to("https://host:8443/") as http:
        assert str(http.origin) == "https://host:8443"
    with pytest.raises(ConfigError):
        async with transport_to("https://host/api"):
            pass


def test_addresses_of_all_kinds_are_origins() -> None:
    for url, wanted in (
        ("https://[2001:db8::1]:8006", "https://[2001:db8::1]:8006"),
        ("https://HOST", "https://host"),
        ("https://b\u00fcro.example", "https://xn--bro-hoa.example"),
        ("http://10.0.0.1:80", "http://10.0.0.1"),
        ("https://10.0.0.1:443", "https://10.0.0.1"),
    ):
        assert str(Origin.parse(url)[0]) == wanted


@pytest.mark.parametrize(("scheme", "encrypted"), [("https", True), ("wss", True), ("http", False), ("ws", False)])
def test_an_origin_tells_whether_connections_to_it_are_encrypted(scheme: str, encrypted: bool) -> None:
    origin, _ = Origin.parse(f"{scheme}://host", (scheme,))
    assert origin.tls is encrypted


def test_a_query_is_encoded_so_that_every_appliance_reads_it_back() -> None:
    assert query_string({"size": "+1G", "a": "x;y&z=%"}) == "size=%2B1G&a=x%3By%26z=%25"
    assert query_string({"command": ["ls", "-l a"]}) == "command=ls&command=-l%20a"
    assert query_string([("a", 1), ("a", 2.5)]) == "a=1&a=2.5"
    assert query_string({"$expand": "*($levels=1)"}) == "$expand=*($levels=1)"
    assert query_string({"name__in[]": ["a", "b"]}) == "name__in%5B%5D=a&name__in%5B%5D=b"
    assert query_string({"a\r\nb": "#\x00"}) == "a%0D%0Ab=%23%00"
    assert query_string({}) == query_string(None) == ""


@pytest.mark.parametrize("value", [True, None, object(), ["ok", False], ["ok", None], "\ud800"])
def test_a_query_value_that_appliances_spell_differently_is_refused(value: object) -> None:
    with pytest.raises(InputError):
        query_string({"a": value})  # type: ignore[dict-item]  # what an unchecked caller may pass
