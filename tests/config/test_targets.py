"""Where a target is and how its certificate is checked: one reading of what stands in the file, or none."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from holdfast.config import Secret, TargetSettings

PIN = "ab" * 32


class Settings(TargetSettings):
    """A kind of appliance with two secrets."""

    kind: ClassVar[str] = "toaster"
    default_port: ClassVar[int] = 8006

    password: Secret | None = None
    token: Secret | None = None


def made(**fields: object) -> Settings:
    return Settings.model_validate({"host": "toaster.example"} | fields)


def refused(**fields: object) -> str:
    with pytest.raises(ValidationError) as caught:
        made(**fields)
    return str(caught.value)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("Toaster.Example", "https://toaster.example:8006"),
        ("toaster.example.", "https://toaster.example.:8006"),
        ("to_aster", "https://to_aster:8006"),
        ("192.0.2.1", "https://192.0.2.1:8006"),
        ("2001:DB8::0:1", "https://[2001:db8::1]:8006"),
        ("[2001:db8::1]", "https://[2001:db8::1]:8006"),
    ],
)
def test_a_host_is_a_name_or_an_address_and_leads_to_one_origin(host: str, origin: str) -> None:
    assert made(host=host).origin == origin


@pytest.mark.parametrize(
    "host",
    [
        "",
        "https://toaster.example",
        "toaster.example/path",
        "toaster.example:8006",
        "user@toaster.example",
        "-toaster",
        "toaster-.example",
        "a..b",
        "a" * 64,
        "a b",
        "toaster\n",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    assert "a host is a host name or an IP address" in refused(host=host)


@pytest.mark.parametrize(
    ("protocol", "scheme"),
    [("", "https"), ("https", "https"), ("HTTPS", "https"), ("http", "http"), ("wss", "https"), ("ws", "http")],
)
def test_a_target_is_encrypted_unless_the_file_says_otherwise(protocol: str, scheme: str) -> None:
    assert made(protocol=protocol).origin == f"{scheme}://toaster.example:8006"


@pytest.mark.parametrize("protocol", ["ftp", "http ", "https://"])
def test_another_protocol_is_refused(protocol: str) -> None:
    assert "protocol is https or http" in refused(protocol=protocol)


def test_the_port_is_the_appliances_own_unless_the_file_names_one() -> None:
    assert made().effective_port == 8006
    assert made(port=0).effective_port == 8006
    assert made(port=443).effective_port == 443


@pytest.mark.parametrize(
    ("pins", "wanted"),
    [
        (None, ()),
        ([], ()),
        (PIN, (PIN,)),
        ("SHA256:" + ":".join(["AB"] * 32), (PIN,)),
        ([PIN, "cd " * 32], (PIN, "cd" * 32)),
    ],
)
def test_pins_are_fingerprints_one_or_several(pins: object, wanted: tuple[str, ...]) -> None:
    assert made(pin_sha256=pins).pin_sha256 == wanted


@pytest.mark.parametrize("pins", ["", "ab" * 31, "ab" * 33, "gg" * 32, [PIN, "ab"], 5])
def test_what_is_no_fingerprint_is_refused(pins: object) -> None:
    assert "pin_sha256" in refused(pin_sha256=pins)


def test_a_check_that_is_switched_off_contradicts_one_that_is_asked_for() -> None:
    assert made(verify=False).verify is False
    assert made(verify=True, ca_file="ca.pem", pin_sha256=PIN).verify is True
    for fields in ({"ca_file": "ca.pem"}, {"pin_sha256": PIN}):
        assert "verify = false contradicts" in refused(verify=False, **fields)


def test_the_shortest_wait_is_not_longer_than_the_longest() -> None:
    assert made(retry_min_wait=3, retry_max_wait=3).retry_min_wait == 3
    assert "retry_min_wait must not be greater" in refused(retry_min_wait=3.1, retry_max_wait=3)


@pytest.mark.parametrize(
    ("name", "circuit"),
    [("default", "toaster_api"), ("toaster", "toaster_api"), ("kitchen", "toaster_api/kitchen")],
)
def test_a_circuit_has_the_name_of_its_target_where_that_says_more(name: str, circuit: str) -> None:
    target = made(name=name)
    assert (target.circuit_name, target.label) == (circuit, f"toaster.{name}")


def test_every_secret_of_a_target_is_known_to_the_exit_and_nothing_else() -> None:
    target = made(password="C4nary-1", token="env:TOKEN")
    assert target.secrets() == (Secret("C4nary-1"), Secret("env:TOKEN"))
    assert made(token="C4nary-2").secrets() == (Secret("C4nary-2"),)
    assert "C4nary" not in repr(target) + target.model_dump_json()
