"""A target's settings reach its transport as they stand: which certificate, which proxy, which keys."""

from __future__ import annotations

from collections import UserDict
from pathlib import Path
from types import MappingProxyType

import pytest

from holdfast.appliances.proxmox.settings import ProxmoxSettings
from holdfast.appliances.wiring import pool_of, settings_of, tls_of, transport_of
from holdfast.errors import ConfigError
from holdfast.transport import TlsSettings

CONFIG = {"host": "pve.example", "token_id": "root@pam!holdfast", "token_secret": "C4nary-Passw0rd!"}


def test_settings_and_the_guides_dict_are_both_taken() -> None:
    settings = settings_of(ProxmoxSettings, CONFIG)
    assert settings.host == "pve.example"
    assert settings_of(ProxmoxSettings, settings) is settings
    assert settings_of(ProxmoxSettings, MappingProxyType(CONFIG)) == settings
    assert settings_of(ProxmoxSettings, UserDict(CONFIG)) == settings


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({**CONFIG, "colour": 1}, "colour"),
        ({**CONFIG, "port": "C4nary-x"}, "port"),
        ("C4nary-no-settings", "config"),
        (None, "config"),
    ],
)
def test_what_are_no_settings_is_refused_by_key_and_without_its_value(config: object, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(ProxmoxSettings, config)  # type: ignore[arg-type]  # what an unchecked caller may pass
    assert str(caught.value).startswith(f"{key}: ")
    assert "C4nary" not in str(caught.value)
    assert "token_secret" in (caught.value.next_step or "")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, TlsSettings()),
        ({"verify": False}, TlsSettings(verify=False)),
        ({"ca_file": "/ca.pem"}, TlsSettings(ca_file=Path("/ca.pem"))),
        ({"pin_sha256": "ab" * 32}, TlsSettings(pin_sha256=["ab" * 32])),
        ({"tls_minimum": "1.3", "tls_server_name": "x"}, TlsSettings(minimum="1.3", server_name="x")),
    ],
)
def test_a_certificate_is_checked_as_the_settings_say(fields: dict[str, object], wanted: TlsSettings) -> None:
    settings = settings_of(ProxmoxSettings, CONFIG | fields)
    assert tls_of(settings) == wanted
    transport = transport_of(settings, pool_of(settings), keepalive_s=4)
    assert transport.tls == wanted


def test_requests_go_to_the_target_by_the_proxy_of_its_settings() -> None:
    for fields, proxy in (({}, None), ({"proxy": "http://proxy.example:3128"}, "http://proxy.example:3128")):
        settings = settings_of(ProxmoxSettings, CONFIG | fields)
        transport = transport_of(settings, pool_of(settings), keepalive_s=4)
        assert str(transport.origin) == "https://pve.example:8006"
        assert (None if transport.proxy is None else transport.proxy.url) == proxy
        assert transport.target == "proxmox.default"
