"""Secrets show themselves to nobody but who reveals them, and a reference that leads nowhere says where it led."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel, ValidationError

from holdfast.config.secrets import Secret
from holdfast.errors import ConfigError

PLANTED = "C4nary-Passw0rd!"


@pytest.mark.parametrize(
    ("raw", "reference"),
    [
        ("env:NAME", True),
        ("file:a", True),
        ("keyring:a/b", True),
        ("env", False),
        ("environment:NAME", False),
        ("ENV:NAME", False),
        ("a:b", False),
        (":", False),
        ("\\env:NAME", False),
    ],
)
def test_a_reference_is_told_from_a_secret_that_is_written_out(raw: str, reference: bool) -> None:
    secret = Secret(raw)
    assert secret.reference == (raw if reference else None)
    assert secret.is_plain is not reference
    if not reference:
        assert secret.reveal() == raw.removeprefix("\\")


def test_a_secret_never_shows_itself() -> None:
    secret = Secret(PLANTED)

    class Model(BaseModel):
        secret: Secret

    model = Model(secret=secret)
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        repr(model),
        model.model_dump_json(),
        str(model.model_dump()),
        str(Model.model_json_schema()),
    ):
        assert PLANTED not in shown
        assert "********" in shown or "password" in shown
    assert f"{secret:>40}" == "Secret('********')".rjust(40)
    assert secret.reveal() == PLANTED


def test_secrets_are_the_same_when_they_are_written_and_found_the_same(tmp_path: Path) -> None:
    secret = Secret("file:a")
    assert secret == Secret("file:a")
    assert hash(secret) == hash(Secret("file:a"))
    for other in (Secret("file:b"), Secret("file:a").relative_to(tmp_path), "file:a", None):
        assert secret != other


def test_a_secret_is_a_text_with_something_in_it() -> None:
    class Model(BaseModel):
        secret: Secret

    secret = Secret(PLANTED)
    assert Model(secret=secret).secret is secret
    assert Model.model_validate({"secret": PLANTED}).secret == secret
    for wrong in ("", 5, None, [PLANTED], b"x"):
        with pytest.raises(ValidationError, match="a secret is a non-empty text"):
            Model.model_validate({"secret": wrong})


def test_a_reference_is_resolved_once_and_told_to_whoever_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_SECRET", PLANTED)
    secret, told = Secret("env:HOLDFAST_TEST_SECRET"), list[str]()
    assert secret.reveal() == PLANTED
    secret.when_revealed(told.append)
    monkeypatch.setenv("HOLDFAST_TEST_SECRET", "changed")
    assert secret.reveal() == PLANTED
    assert told == [PLANTED]


def refused(raw: str, base: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        Secret(raw, base=base).reveal()
    assert caught.value.__cause__ is None
    assert PLANTED not in str(caught.value) + str(caught.value.next_step)
    return str(caught.value)


def test_a_variable_that_is_not_set_or_empty_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLDFAST_TEST_SECRET", raising=False)
    assert refused("env:HOLDFAST_TEST_SECRET").startswith("The environment variable HOLDFAST_TEST_SECRET is not set")
    monkeypatch.setenv("HOLDFAST_TEST_SECRET", "")
    assert refused("env:HOLDFAST_TEST_SECRET") == "The secret reference env:HOLDFAST_TEST_SECRET is empty."


def test_a_file_is_read_beside_the_configuration_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(f" {PLANTED}\r\n\n".encode())
    assert Secret("file:secret", base=tmp_path).reveal() == f" {PLANTED}"
    assert Secret("file:secret").relative_to(tmp_path).reveal() == f" {PLANTED}"
    assert Secret(f"file:{tmp_path / 'secret'}").reveal() == f" {PLANTED}"
    assert Secret(f"file:{tmp_path / 'secret'}", base=tmp_path / "elsewhere").reveal() == f" {PLANTED}"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("gone", "The secret file gone cannot be read: No such file or directory."),
        ("", "The secret file  cannot be read: Is a directory."),
        ("a\0b", "The secret file a\0b cannot be read: there can be no such file."),
        ("~no-such-user/s", "The secret file ~no-such-user/s cannot be read: there can be no such file."),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name: str, told: str, tmp_path: Path) -> None:
    assert refused(f"file:{name}", tmp_path) == told


def test_a_file_that_holds_no_credential_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"x" * 65_536)
    assert Secret("file:secret", base=tmp_path).reveal() == "x" * 65_536
    for content, told in (
        (PLANTED.encode() * 5000, "The secret file secret is larger than 64 KiB."),
        (b"x" * 65_537, "The secret file secret is larger than 64 KiB."),
        (PLANTED.encode() + b"\xff", "The secret file secret is not UTF-8 text."),
        (b"\r\n", "The secret reference file:secret is empty."),
    ):
        file.write_bytes(content)
        assert refused("file:secret", tmp_path) == told


class KeyringError(Exception):
    """As the keyring library's."""


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """The optional library with these entries: it asks the desktop, which a test has none of."""
    entries: dict[tuple[str, str], str] = {}

    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise KeyringError(PLANTED)
        return entries.get((service, user))

    library, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    vars(library).update(get_password=get_password, errors=errors)
    vars(errors).update(KeyringError=KeyringError)
    monkeypatch.setitem(sys.modules, "keyring", library)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return entries


def test_an_entry_of_the_key_ring_is_found_by_service_and_user(keyring: dict[tuple[str, str], str]) -> None:
    keyring["pve", "root@pam/x"] = PLANTED
    keyring["pve", "empty"] = ""
    assert Secret("keyring:pve/root@pam/x").reveal() == PLANTED
    assert refused("keyring:pve/empty") == "The secret reference keyring:pve/empty is empty."
    assert refused("keyring:pve/other") == "The key ring has no entry for keyring:pve/other."
    assert refused("keyring:pve") == "keyring:pve names no user."
    with pytest.raises(ConfigError, match=r"refused keyring:locked/x \(KeyringError\)") as caught:
        Secret("keyring:locked/x").reveal()
    assert PLANTED not in str(caught.value)


def test_without_the_key_ring_library_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refused("keyring:pve/root") == "keyring:pve/root needs the keyring library."
