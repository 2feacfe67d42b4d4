"""What holdfast.toml may say, and what a wrong one is answered with."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from holdfast.appliances.kinds import settings_classes
from holdfast.config import Config, Mode, load_config, parse_config
from holdfast.errors import ConfigError, UnknownTargetError

PLANTED = "s3cr3t-planted-value-0123456789"

GOOD = """
[targets.pfsense.home]
host = "192.0.2.1"
api_key = "env:PF_KEY"

[targets.proxmox.rack]
host = "pve.example"
token_id = "ops@pve!holdfast"
token_secret = "file:pve.secret"
mode = "operate"
tags = ["lab"]

[targets.proxmox.other]
host = "2001:db8::7"
port = 443
username = "root"
password = "keyring:pve/root"
"""


def load(text: str) -> Config:
    return parse_config(text, settings_classes(), path=Path("holdfast.toml"))


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(text)
    shown = f"{caught.value} {caught.value.next_step}"
    assert PLANTED not in shown
    assert "Traceback" not in shown
    assert "Input should" not in shown or "holdfast.toml" in shown
    return caught.value


def test_any_number_of_named_targets_of_each_kind_is_read() -> None:
    config = load(GOOD)
    assert [target.label for target in config.targets] == ["pfsense.home", "proxmox.rack", "proxmox.other"]
    assert config.target("proxmox", "rack").mode is Mode.OPERATE
    assert config.target("pfsense", None).origin == "https://192.0.2.1:443"
    assert config.target("proxmox", "rack").origin == "https://pve.example:8006"
    assert config.target("proxmox", "other").origin == "https://[2001:db8::7]:443"


def test_the_guides_keys_have_the_guides_defaults() -> None:
    target = load(GOOD).target("pfsense", "home")
    assert (target.retry_max_attempts, target.retry_min_wait, target.retry_max_wait) == (3, 1, 10)
    assert target.circuit_breaker_enabled is True
    assert (target.circuit_breaker_fail_max, target.circuit_breaker_timeout) == (5, 60)
    assert (target.timeout, target.connector_limit, target.connector_limit_per_host) == (30, 100, 30)


def test_a_target_is_read_only_and_verified_unless_the_file_says_otherwise() -> None:
    target = load(GOOD).target("pfsense", "home")
    assert target.mode is Mode.READ_ONLY
    assert target.verify is True


def test_without_a_name_the_only_target_of_a_kind_is_meant_and_several_must_be_chosen_from() -> None:
    config = load(GOOD)
    assert config.target("pfsense", None).name == "home"
    with pytest.raises(UnknownTargetError) as caught:
        config.target("proxmox", None)
    assert caught.value.next_step == "Give target as one of: rack, other."
    with pytest.raises(UnknownTargetError) as caught:
        config.target("truenas", "nas")
    assert "none is configured" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('[targets.pfsense.home]\nhost = "a"\napi_kee = "x"', "line 3", "Did you mean api_key?"),
        ('[targets.pfsence.home]\nhost = "a"', "line 1", "Did you mean pfsense?"),
        ('[target.pfsense.home]\nhost = "a"', "line 1", "Did you mean targets?"),
        ('[targets.pfsense.home]\napi_key = "env:X"', "line 1", "host: this key is required"),
        ('[targets.pfsense.home]\nhost = "a"\ntimeout = "soon"\napi_key = "env:X"', "line 3", "timeout"),
        ('[targets.pfsense.home]\nhost = "a"\ntimeout = nan\napi_key = "env:X"', "line 3", "timeout"),
        ('[targets.pfsense.home]\nhost = "a"\nretry_max_attempts = 0\napi_key = "env:X"', "line 3", "attempts"),
        ('[targets.pfsense.home]\nhost = "a"\nretry_min_wait = 9\nretry_max_wait = 2\napi_key = "env:X"', "", "min"),
        ('[targets.pfsense.home]\nhost = "https://a/"\napi_key = "env:X"', "line 2", "without protocol"),
        ('[targets.pfsense.home]\nhost = "a"\nmode = "write"\napi_key = "env:X"', "line 3", "read-only"),
        ('[targets.pfsense.home]\nhost = "a"\npin_sha256 = "12"\napi_key = "env:X"', "line 3", "64 hex"),
        ('[targets.pfsense.home]\nhost = "a"\nverify = false\nca_file = "x"\napi_key = "env:X"', "", "contradicts"),
        ('[targets.pfsense.home]\nhost = "a"', "", "give api_key, or username and password"),
        ('[targets.pfsense."Über"]\nhost = "a"\napi_key = "env:X"', "", "name"),
        ("[targets]\npfsense = 3", "line 2", "must be a table"),
        ("[server]\nport = 99999", "line 2", "65535"),
        *(
            (f'[server]\npath = "{path}"', "line 2", "that path has another use")
            for path in ("/healthz", "/readyz", "/metrics", "/readyz/", "/healthz//")
        ),
        ("[targets.pfsense.home\nhost = 3", "line 1", "not valid TOML"),
        (f'[targets.pfsense.home]\nhost = "a"\napi_key = {PLANTED}', "line 3", "not valid TOML"),
        (f'[targets.pfsense.home]\nhost = "a"\napi_key = ["{PLANTED}"]', "line 3", "secret"),
        (
            f'[targets.pfsense.home]\nhost = "a"\n{PLANTED} = 1\napi_key = "env:X"'.replace(PLANTED, "bogus"),
            "3",
            "bogus",
        ),
    ],
)
def test_a_wrong_file_is_answered_with_line_key_and_what_is_allowed(text: str, place: str, said: str) -> None:
    error = refused(text)
    shown = f"{error} {error.next_step}"
    assert place in shown
    assert said in shown
    assert error.next_step


def test_a_missing_unreadable_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml", settings_classes())
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path, settings_classes())
    (tmp_path / "binary.toml").write_bytes(b"a = 1\n\xff\xfe")
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        load_config(tmp_path / "binary.toml", settings_classes())


def test_a_plain_secret_and_a_switched_off_verification_work_and_warn_without_showing_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "holdfast.config"):
        config = load(f'[targets.pfsense.home]\nhost = "a"\napi_key = "{PLANTED}"\nverify = false')
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert PLANTED not in caplog.text
    assert PLANTED not in repr(config)
    assert config.targets[0].secrets()[0].reveal() == PLANTED


def test_secret_references_are_resolved_when_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PF_KEY", "from-the-environment")
    (tmp_path / "pve.secret").write_text("from-the-file\n")
    (tmp_path / "holdfast.toml").write_text(GOOD)
    config = load_config(tmp_path / "holdfast.toml", settings_classes())
    assert config.target("pfsense", "home").secrets()[0].reveal() == "from-the-environment"
    assert config.target("proxmox", "rack").secrets()[0].reveal() == "from-the-file"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:HOLDFAST_NOT_SET", "HOLDFAST_NOT_SET is not set"),
        ("file:nowhere/secret", "cannot be read"),
        ("keyring:only-a-service", "names no user"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(reference: str, said: str) -> None:
    config = load(f'[targets.pfsense.home]\nhost = "a"\napi_key = "{reference}"')
    with pytest.raises(ConfigError, match=said):
        config.targets[0].secrets()[0].reveal()


def test_an_escaped_reference_is_a_plain_secret() -> None:
    config = load('[targets.pfsense.home]\nhost = "a"\napi_key = "\\\\env:not-a-reference"')
    assert config.targets[0].secrets()[0].reveal() == "env:not-a-reference"


def test_the_guides_ssl_verify_is_accepted_as_a_boolean() -> None:
    config = load('[targets.idrac.one]\nhost = "a"\nusername = "root"\npassword = "env:P"\nssl_verify = false')
    assert config.targets[0].verify is False
