"""Redaction: planted secrets are found by name, by value in any encoding, and by shape; the rest stays."""

from __future__ import annotations

import base64
import html
import json
import time
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from holdfast.control.redaction import HARMLESS_CHARS, MAX_RUNTIME_SECRETS, REDACTED, Redactor
from holdfast.control.secretkeys import names_secret
from tests.support.hostile import STRINGS
from tests.support.schemas import schema_lines

CANARIES = {
    "password": "C4nary-Passw0rd!",
    "pve_token": "8c1d2f5a-77aa-4c1e-9d0b-3f2b1a0c9e8d",
    "truenas_key": "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvWxYz01",
    "pfsense_key": "b7f3c9d2e1a4f6b8c0d2e4f6a8b0c2d4",
    "psk": "pre shared key with blanks",
    "quotes": "q\"u'o\\t/e<d>&",
    "unicode": "пароль-naïve-密码",
    "url": "p@ss:w/rd?&=#%+ x",
    "session": "cookie.value_with-dots~and+plus/and=",
    "private_key": "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n",
    "snmp": "publ1c-c0mmunity",
    "newline": "two\nlines of secret",
}


def encodings(secret: str) -> dict[str, str]:
    """Every form that a secret is known to turn up in, made with other means than the code under test."""
    data = secret.encode()
    made = {
        "raw": secret,
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        "hex:": ":".join(f"{b:02x}" for b in data),
        "json": json.dumps(secret)[1:-1],
        "json utf-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json php": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "json in json": json.dumps(json.dumps({"k": secret})),
        "repr": repr(secret)[1:-1],
        "repr of bytes": repr(data)[2:-1],
        "html": html.escape(secret),
        "url": urllib.parse.quote(secret, safe=""),
        "url path": urllib.parse.quote(secret),
        "url form": urllib.parse.quote_plus(secret),
        "url lower": "".join(f"%{b:02x}" for b in data),
        "url twice": urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe=""),
    }
    for offset in range(3):
        for tail in range(3):
            whole = bytes(range(65, 65 + offset)) + data + bytes(range(97, 97 + tail))
            made[f"base64 {offset}/{tail}"] = base64.b64encode(whole).decode()
            made[f"base64url {offset}/{tail}"] = base64.urlsafe_b64encode(whole).decode()
            made[f"base64 in url {offset}/{tail}"] = urllib.parse.quote(base64.b64encode(whole).decode(), safe="")
    return made


def leaks(text: str, secret: str) -> list[str]:
    """Which forms of the secret can be read out of the text."""
    found = [name for name, form in encodings(secret).items() if form in text and not name.startswith("base64")]
    # What is left of an encoded secret may be the characters at its edges that it shares with its neighbours.
    for offset in range(3):
        core = base64.b64encode(bytes(offset) + secret.encode()).decode().rstrip("=")[4:-4]
        if core and (core in text or core.replace("+", "-").replace("/", "_") in text):
            found.append(f"base64 {offset}")
    return found


@pytest.mark.parametrize("name", sorted(CANARIES))
def test_a_known_secret_is_found_in_every_encoding(name: str) -> None:
    secret = CANARIES[name]
    redactor = Redactor([secret])
    for form, encoded in encodings(secret).items():
        for text in (encoded, f"before {encoded} after", f"x{encoded}y" if len(secret) >= 8 else encoded):
            redacted = redactor.text(text)
            assert REDACTED in redacted, form
            assert leaks(redacted, secret) == [], form
            assert redactor.text(redacted) == redacted


def test_all_secrets_at_once_are_found_in_one_text() -> None:
    redactor = Redactor(CANARIES.values())
    text = " | ".join(form for secret in CANARIES.values() for form in encodings(secret).values())
    redacted = redactor.text(text)
    assert {name: found for name, secret in CANARIES.items() if (found := leaks(redacted, secret))} == {}


def test_text_around_a_secret_stays() -> None:
    redactor = Redactor(["C4nary-Passw0rd!"])
    assert redactor.text("login of root failed with C4nary-Passw0rd! at 10:42") == (
        f"login of root failed with {REDACTED} at 10:42"
    )


def test_text_without_secrets_stays_to_the_letter() -> None:
    redactor = Redactor(CANARIES.values())
    for text in (
        "VM 101 (web) is running on pve1; 4 cores, 8 GiB",
        "UPID:pve1:0003FA2B:01A2B3C4:67A1B2C3:qmstart:101:root@pam:",
        "disk tank/vm@auto-2026-11-20_00-00 is 73% full: see https://nas.rack.example/ui/storage",
        "2026-11-23T12:00:00Z kernel: eth0: link up",
        "fd00::1 00:08:a2:0c:11:01 4c4c4544-0048-5810-8051-b7c04f345432",
        "the key to success: patience. Bearer of good news. Basic facts only",
        "monkey: banana, turnkey = yes",
        "Missing key: hostname; ticket: 42; community: public_network; unexpected token: comma; pass: yes",
        "sent bearer authentication-required-now",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "",
        "x",
    ):
        assert redactor.text(text) == text


def test_a_longer_secret_that_holds_a_shorter_one_goes_as_a_whole() -> None:
    redactor = Redactor(["abcdefgh", "abcdefghijklmnop"])
    assert redactor.text("abcdefghijklmnop abcdefgh") == f"{REDACTED} {REDACTED}"


def test_secrets_that_overlap_in_a_text_leave_nothing_of_either() -> None:
    redactor = Redactor(["0123456789", "6789abcdef"])
    assert redactor.text("x0123456789abcdefx") == f"x{REDACTED}x"


def test_secrets_side_by_side_are_both_found() -> None:
    redactor = Redactor(["0123456789", "abcdefghij"])
    assert redactor.text("0123456789abcdefghij") == f"{REDACTED}{REDACTED}"


def test_short_secrets_are_found_as_whole_words_only() -> None:
    redactor = Redactor(["calvin", "test"])
    assert redactor.text("root/calvin calvin, (calvin)") == f"root/{REDACTED} {REDACTED}, ({REDACTED})"
    # "la[redacted]" would tell the secret to everybody who can guess the word.
    assert redactor.text("the latest contest, calvinism") == "the latest contest, calvinism"
    assert redactor.text("Y2Fsdmlu" + " " + "63616c76696e") == f"{REDACTED} {REDACTED}"


def test_a_short_secret_is_known_without_the_blanks_around_it() -> None:
    assert Redactor([" abcd "]).text("abcd, abcde") == f"{REDACTED}, abcde"


def test_an_encoded_form_is_found_anywhere_however_short() -> None:
    assert Redactor(['ab"cde']).text('xab\\"cdey ab"cde xab"cdey') == f'x{REDACTED}y {REDACTED} xab"cdey'


@pytest.mark.parametrize("secret", ["redacted", "[redacted]", "reda", "edacted]"])
def test_a_secret_that_is_part_of_the_marker_leaves_markers_alone(secret: str) -> None:
    redactor = Redactor([secret, "C4nary-Passw0rd!"])
    assert redactor.text("a C4nary-Passw0rd! [redacted] b") == "a [redacted] [redacted] b"


def test_a_secret_too_short_to_recognise_is_reported_as_such() -> None:
    redactor = Redactor(["abc", "", "   x   "])
    assert redactor.text("abc x") == "abc x"
    assert redactor.add("abc") is False
    assert redactor.add("abcd") is True
    assert redactor.text("abcd") == REDACTED


def test_the_bound_between_short_and_long_secrets_is_eight_characters() -> None:
    redactor = Redactor(["abcdefg", "ABCDEFGH"])
    assert redactor.text("xabcdefgx") == "xabcdefgx"
    assert redactor.text("xABCDEFGHx") == f"x{REDACTED}x"
    assert Redactor(["12345678"]).text("x12345678x") == f"x{REDACTED}x"


def test_a_secret_that_came_up_while_running_is_known_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.text("ticket-0123456789") == "ticket-0123456789"
    assert redactor.add("ticket-0123456789")
    assert redactor.text("got ticket-0123456789") == f"got {REDACTED}"


def test_a_text_that_was_harmless_is_looked_at_anew_when_it_turns_out_to_be_a_secret() -> None:
    redactor = Redactor(["configured-secret"])
    assert redactor.text("session-token-1") == "session-token-1"
    assert redactor.text("session-token-1") == "session-token-1"
    redactor.add("session-token-1")
    assert [redactor.text("session-token-1") for _ in range(3)] == ["[redacted]"] * 3
    assert [redactor.text("configured-secret") for _ in range(3)] == ["[redacted]"] * 3


def test_of_harmless_texts_only_short_ones_and_not_too_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.control.redaction.MAX_HARMLESS", 3)
    redactor = Redactor()
    remembered = redactor._harmless
    long = "x" * (HARMLESS_CHARS + 1)
    for text in (long, long[1:], "state", "name"):
        redactor.text(text)
    assert remembered == {long[1:], "state", "name"}
    redactor.text("another")
    assert remembered == {"another"}


def test_memory_of_runtime_secrets_is_bounded_and_the_configured_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_RUNTIME_SECRETS == 4096
    monkeypatch.setattr("holdfast.control.redaction.MAX_RUNTIME_SECRETS", 40)
    redactor = Redactor(["configured-secret"])
    for number in range(39):
        redactor.add(f"runtime-secret-{number:06d}")
        redactor.add("runtime-secret-often-used")
    # Forty, and all of them known.
    assert all(redactor.text(f"runtime-secret-{number:06d}") == REDACTED for number in range(39))
    redactor.add("runtime-secret-000039")
    text = "configured-secret runtime-secret-000039 runtime-secret-often-used runtime-secret-000010"
    assert redactor.text(text) == " ".join([REDACTED] * 4)
    # The forty-first came with the last of them; a quarter went at once, the longest unused first.
    for number in range(10):
        assert redactor.text(f"runtime-secret-{number:06d}") == f"runtime-secret-{number:06d}"
    assert len(redactor._runtime) == 31
    redactor.add("configured-secret")
    assert len(redactor._runtime) == 31
    redactor.add("runtime-secret-000000")
    assert redactor.text("runtime-secret-000000") == REDACTED


def test_many_secrets_are_found_as_well_as_few() -> None:
    secrets = [f"secret-number-{number:05d}" for number in range(600)]
    many, text = Redactor(secrets), " ".join(secrets)
    assert many.text(text) == " ".join([REDACTED] * 600)
    assert many.text("x" + secrets[7]) == f"x{REDACTED}"


@given(
    secrets=st.lists(st.text(min_size=4, max_size=24), min_size=1, max_size=4),
    parts=st.lists(st.text(max_size=12), min_size=1, max_size=4),
)
@settings(max_examples=150, deadline=None)
def test_any_secret_in_any_text_is_gone_and_doing_it_twice_changes_nothing(
    secrets: list[str], parts: list[str]
) -> None:
    redactor = Redactor(secrets)
    text = parts[0] + "".join(f" {secret} {part}" for secret, part in zip(secrets, parts * 4, strict=False))
    redacted = redactor.text(text)
    assert redactor.text(redacted) == redacted
    pieces = redacted.split(REDACTED)
    for secret in secrets:
        if len(secret.strip()) >= 8:
            assert not any(secret in piece for piece in pieces)


@given(text=st.text(alphabet="pasword=:\"'\\ [redact]{}<>\n;,&tokenkey", max_size=80))
@settings(max_examples=500, deadline=None)
def test_shapes_are_stable_when_redacted_twice(text: str) -> None:
    redactor = Redactor(["redacted", "[redact"])
    once = redactor.text(text)
    assert redactor.text(once) == once


def test_hostile_strings_do_no_harm() -> None:
    redactor = Redactor(CANARIES.values())
    for text in STRINGS:
        once = redactor.text(text)
        assert redactor.text(once) == once


SHAPES = {
    "Authorization: Bearer abc.def-123": "Authorization: [redacted]",
    "Authorization: Basic cm9vdDpjYWx2aW4=": "Authorization: [redacted]",
    "authorization: PVEAPIToken=root@pam!mon=8c1d2f5a": "authorization: [redacted]",
    "Cookie: PVEAuthCookie=PVE%3Aroot; lang=en": "Cookie: [redacted]",
    "Set-Cookie: session=abc; HttpOnly": "Set-Cookie: [redacted]",
    "X-API-Key: abcdef0123": "X-API-Key: [redacted]",
    "X-Auth-Token: abcdef0123": "X-Auth-Token: [redacted]",
    "password=hunter2 user=bob": "password=[redacted] user=bob",
    "passwd: hunter2": "passwd: [redacted]",
    '{"password": "hunter2", "user": "bob"}': '{"password": "[redacted]", "user": "bob"}',
    '{"password":"with \\"quotes\\" inside","x":1}': '{"password":"[redacted]","x":1}',
    "{'api_key': 'abc', 'n': 1}": "{'api_key': '[redacted]', 'n': 1}",
    '{\\"token\\": \\"abc\\", \\"n\\": 1}': '{\\"token\\": \\"[redacted]\\", \\"n\\": 1}',
    "GET /x?api_key=abc&n=1": "GET /x?api_key=[redacted]&n=1",
    '{\\"token\\": \\"a\\\\\\"b\\", \\"n\\": 1}': '{\\"token\\": \\"[redacted]\\", \\"n\\": 1}',
    '{\\"token\\": \\"never closed, n: 1': '{\\"token\\": \\"[redacted]',
    '{"token": "never closed, n: 1': '{"token": "[redacted]',
    "password=": "password=",
    'password: ""': 'password: ""',
    "password=&user=bob": "password=&user=bob",
    "[password] => hunter2": "[password] => [redacted]",
    "<password>hunter2</password>": "<password>[redacted]</password>",
    '<A Name="Users.2#Password">calvin</A>': '<A Name="Users.2#Password">[redacted]</A>',
    '<A Name="X.1#Password" Comment="x">calvin</A> <A Name="Y">z</A>': (
        '<A Name="X.1#Password" Comment="x">[redacted]</A> <A Name="Y">z</A>'
    ),
    "https://root:hunter2@nas/": "https://root:[redacted]@nas/",
    "https://ghp_token@nas/": "https://[redacted]@nas/",
    "token=abc": "token=[redacted]",
    "db --password=hunter2 --verbose": "db --password=[redacted] --verbose",
    "db --password hunter2 backup": "db --password [redacted] backup",
    'db --api-key "with blanks" --pass=x': 'db --api-key "[redacted]" --pass=[redacted]',
    "db --password --user bob": "db --password --user bob",
    "db --password= --user=bob": "db --password= --user=bob",
    'db --password ""': 'db --password ""',
    "x--password hunter2": "x--password hunter2",
    'token: "abc"': 'token: "[redacted]"',
    "PVE:root@pam:65A1B2C3::c2lnbmF0dXJlc2lnbmF0dXJl": "[redacted]",
    "CSRF 65A1B2C3:c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXI": "CSRF [redacted]",
    "key 7-" + "aB3" * 21 + "z": "key [redacted]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl": "[redacted]",
    "root:$6$saltsalt$hashhashhash:19000": "root:[redacted]:19000",
    "$2b$12$abcdefghijklmnopqrstuv": "[redacted]",
    "sent bearer 0123456789abcdef0123": "sent bearer [redacted]",
    "x -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY----- y": "x [redacted] y",
    "x -----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n-----END OPENSSH PRIVATE KEY-----\\n y": "x [redacted]\\n y",
    "-----BEGIN PRIVATE KEY-----\nMIIEcut off here": "[redacted]",
    "-----BEGIN OpenVPN Static key V1-----\nab12\n-----END OpenVPN Static key V1-----": "[redacted]",
    "prv LS0tLS1CRUdJTi=AAAAAAAAAAAAAAAAAAAAAAAAAAAA": "prv [redacted]",
    "prv " + base64.b64encode(b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg").decode(): "prv [redacted]",
    "prv " + base64.b64encode(b"-----BEGIN EC PRIVATE KEY-----\nMIIEvQIBADANBg").decode(): "prv [redacted]",
}


@pytest.mark.parametrize("text", SHAPES)
def test_secrets_that_nobody_announced_are_known_by_place_and_shape(text: str) -> None:
    redactor = Redactor()
    assert redactor.text(text) == SHAPES[text]
    assert redactor.text(SHAPES[text]) == SHAPES[text]


def test_certificates_are_public_and_stay() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    encoded = base64.b64encode(pem.encode()).decode()
    assert Redactor().text(f"{pem} {encoded}") == f"{pem} {encoded}"


def test_a_key_block_that_never_ends_hides_no_more_than_the_key() -> None:
    text = "a -----BEGIN PRIVATE KEY-----\nMIIE {important} line"
    assert Redactor().text(text) == f"a {REDACTED}{{important}} line"


def test_a_value_under_a_secret_name_is_hidden_whatever_it_is() -> None:
    redacted = Redactor().value(
        {
            "password": "x",
            "apiKey": "y",
            "nested": [{"X-Auth-Token": "z", "user": "bob"}],
            "pin": 1234,
            "tokens": ["a", "b"],
            "psk": ["c", {"n": 1}],
            "password_disabled": True,
            "secret": None,
            "passphrase": "",
            "cookie": False,
        }
    )
    assert redacted == {
        "password": REDACTED,
        "apiKey": REDACTED,
        "nested": [{"X-Auth-Token": REDACTED, "user": "bob"}],
        "pin": REDACTED,
        "tokens": [REDACTED, REDACTED],
        "psk": [REDACTED, {"n": 1}],
        "password_disabled": True,
        "secret": None,
        "passphrase": "",
        "cookie": False,
    }


def test_objects_under_a_secret_name_are_judged_by_their_own_names() -> None:
    value: JsonValue = {"tokens": [{"tokenid": "mon", "expire": 0}], "credentials": {"username": "u", "password": "p"}}
    assert Redactor().value(value) == {
        "tokens": [{"tokenid": "mon", "expire": 0}],
        "credentials": {"username": "u", "password": REDACTED},
    }


def test_a_pair_of_name_and_value_is_hidden_by_the_name() -> None:
    redactor = Redactor()
    assert redactor.value({"Name": "Users.2#Password", "Value": "calvin"}) == {
        "Name": "Users.2#Password",
        "Value": REDACTED,
    }
    assert redactor.value({"field": "psk", "before": "old", "after": "new", "changed": True}) == {
        "field": "psk",
        "before": REDACTED,
        "after": REDACTED,
        "changed": True,
    }
    assert redactor.value({"key": "compression", "value": "lz4"}) == {"key": "compression", "value": "lz4"}
    assert redactor.value({"name": "BootMode", "value": "Uefi"}) == {"name": "BootMode", "value": "Uefi"}


def test_a_member_with_a_secret_s_name_is_hidden_beside_a_pair_too() -> None:
    redactor = Redactor()
    assert redactor.value({"name": "api-token", "value": "a", "password": "b", "n": 1}) == {
        "name": "api-token",
        "value": REDACTED,
        "password": REDACTED,
        "n": 1,
    }
    assert redactor.value({"name": "api-token", "password": "b"}) == {"name": "api-token", "password": REDACTED}


def test_only_a_name_names_a_value() -> None:
    value: dict[str, JsonValue] = {"note": "the password", "value": "lz4", "list": ["password"]}
    assert Redactor().value(value) == value


def test_a_member_called_key_is_a_name_only_beside_a_value() -> None:
    redactor = Redactor()
    assert redactor.value({"key": "abc", "n": 1}) == {"key": REDACTED, "n": 1}
    assert redactor.value({"key": "abc", "before": 1}) == {"key": "abc", "before": 1}
    assert redactor.value({"api_key": "abc", "before": 1}) == {"api_key": REDACTED, "before": 1}


def nested(levels: int, innermost: JsonValue) -> JsonValue:
    for _ in range(levels):
        innermost = [innermost]
    return innermost


def test_sixty_four_levels_are_shown_and_no_more() -> None:
    redactor = Redactor()
    assert redactor.value(nested(64, "x")) == nested(64, "x")
    assert redactor.value(nested(65, "x")) == nested(64, "[nested too deep]")
    assert redactor.value({"psk": nested(63, "x")}) == {"psk": nested(63, REDACTED)}
    assert redactor.value({"psk": nested(64, "x")}) == {"psk": nested(63, REDACTED)}


def test_secrets_in_names_of_members_are_found_too() -> None:
    redactor = Redactor(["C4nary-Passw0rd!"])
    assert redactor.value({"C4nary-Passw0rd!": 1, "list": ["C4nary-Passw0rd!"]}) == {REDACTED: 1, "list": [REDACTED]}


def test_a_value_is_never_changed_in_place() -> None:
    value: dict[str, JsonValue] = {"password": "x", "list": ["y"]}
    Redactor(["yyyyyyyy"]).value(value)
    assert value == {"password": "x", "list": ["y"]}


def test_values_nested_too_deep_are_left_out() -> None:
    deep: JsonValue = "C4nary-Passw0rd!"
    for _ in range(5000):
        deep = {"a": [deep]}
    found = Redactor().value(deep)
    assert "C4nary" not in json.dumps(found)
    deep = "C4nary-Passw0rd!"
    for _ in range(5000):
        deep = [deep]
    assert "C4nary" not in json.dumps(Redactor().value({"password": deep}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["password", "name", "value", "key", "note", "token", "id", "before", "C4nary-Passw0rd!"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=json_values)
@settings(max_examples=300, deadline=None)
def test_redacting_a_value_twice_changes_nothing(value: JsonValue) -> None:
    redactor = Redactor(["C4nary-Passw0rd!"])
    once = redactor.value(value)
    assert redactor.value(once) == once


def test_every_field_that_pfsense_marks_sensitive_is_known_by_name() -> None:
    fields: dict[str, bool] = {}
    for model in schema_lines("pfsense-2.10-models.jsonl"):
        for name, field in model["fields"].items():
            fields[name] = fields.get(name, False) or bool(field.get("sensitive"))
    sensitive = {name for name, marked in fields.items() if marked}
    assert len(sensitive) > 80
    # The static key of OpenVPN is known by its shape; other things are called tls, too.
    assert {name for name in sensitive if not names_secret(name)} == {"tls"}


SECRET_NAMES = """unixhash smbhash privatekey passphrase api_key secret_access_key client_secret auth_token v3_authkey
    v3_privkey v3_password peersecret dhchap_key host_rsa_key encryption_key service_account_credentials bot_token
    routing_key secretseed otp_token vnc_password new_password ticket CSRFPreventionToken cipassword eab-hmac-key
    certkey client-key corosync_authkey keyring otp totp Password AgentCommunity IPMILan.1.EncryptionKey
    Users.2.SHA256Password Users.2.IPMIKey X-Auth-Token Set-Cookie PVEAuthCookie session_id secret_id
    key hash sha512-hash prv psk key1 password2 token_10"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_names_of_secrets_are_known(name: str) -> None:
    assert names_secret(name)


HARMLESS_NAMES = """name id user username tokenid token_id full-tokenid access_key_id password_disabled password_age
    last_password_change min_password_length key_type key_length encryption_key_format key_loaded public_key sshpubkey
    ssh-public-keys host_rsa_key_pub hash_algorithm dhchap_hash subject_name_hash hashpspool xmit_hash_policy auth
    authsupported auth_methods keyboard privileged privs author pass_through bypass inbytespass outpktspass monkey
    next_cursor plan_id arguments_digest pin_sha256 fingerprint passive ticket_count community_name secret_configured
    cookie_name token_expires_at url path tls certificate crt sn description note target 2 - .
    privatekey_path"""


@pytest.mark.parametrize("name", HARMLESS_NAMES.split())
def test_names_that_only_look_like_secrets_are_let_be(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize(
    "unit",
    [
        "lorem ipsum ",
        "a=b ",
        "password=x ",
        'password="',
        "--password ",
        "--a",
        "a",
        "a.",
        "-----BEGIN RSA PRIVATE KEY-----",
        "0A1B2C3D:",
        "$6$ab$",
        "eyJ",
        "http://a:b",
        "bearer ",
        "LS0tLS1CRUdJTi",
        'password\\"=\\"',
        "1",
        'name="a"',
        "PVE:",
        "\\",
        "'",
        "C4nary-",
        "[redacted]",
    ],
)
def test_a_megabyte_of_anything_is_done_in_linear_time(unit: str) -> None:
    redactor = Redactor(CANARIES.values())
    times = []
    for size in (125_000, 500_000):
        text = unit * (size // len(unit))
        start = time.process_time()
        redactor.text(text)
        times.append(time.process_time() - start)
    assert times[1] < 1.5
    assert times[1] < 10 * times[0] + 0.1
