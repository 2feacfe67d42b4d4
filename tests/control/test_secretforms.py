"""The forms of a secret: what is looked for, and what is too short to look for."""

from __future__ import annotations

import base64

from holdfast.control.filenames import file_stem
from holdfast.control.secretforms import MIN_ENCODED, forms

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nshort==\n-----END PRIVATE KEY-----\n"


def test_a_secret_is_a_form_of_itself_however_short() -> None:
    assert "abcd" in forms("abcd")


def test_encoded_forms_are_long_enough_to_mean_something() -> None:
    for secret in ("abcd", "a/b?", "ééé!", "12345", " abc "):
        assert all(len(form) >= MIN_ENCODED or form in (secret, secret.strip()) for form in forms(secret)), secret
    assert 'ab\\"cde' in forms('ab"cde')
    assert 'ab\\"cde' in forms(' ab"cde ')
    assert 'ab\\"cd ' in forms('ab"cd ')
    assert "YWJjZA" not in forms("abcd")


def test_blanks_around_a_secret_make_no_difference() -> None:
    known = forms("  s3cr&t value\n")
    assert {"  s3cr&t value\n", "s3cr&t value", "s3cr%26t%20value", "s3cr&amp;t value"} <= known
    assert "a\"b'c\\d&e<f" in forms("  a\"b'c\\d&e<f\n")
    assert base64.b64encode(b"  s3cr&t value\n").decode() in known


def test_what_is_left_of_a_secret_in_the_name_of_a_file_is_known_where_enough_is_left() -> None:
    assert file_stem("Pass%word/with+odd") in forms("Pass%word/with+odd")
    assert "a_b_c_d_e_f_g_h" in forms("a b/c:d+e%f&g#h")
    assert "a_b_c_d_e_f_g_" not in forms("a b/c:d+e%f&g#")
    assert not any(form.startswith("__") for form in forms("!" * 12))


def test_long_lines_of_a_secret_are_known_one_by_one() -> None:
    known = forms(KEY)
    assert "MIIEvQIBADANBgkqhkiG9w0BAQEF" in known
    assert b"MIIEvQIBADANBgkqhkiG9w0BAQEF".hex() in known
    assert "short==" not in known
    assert "-----BEGIN PRIVATE KEY-----" not in known
    assert KEY.strip() in known


def test_a_line_counts_as_long_from_twenty_characters_on() -> None:
    known = forms(f"{'a' * 19}!\n{'b' * 18}!\n{'c' * 20}")
    assert "a" * 19 + "!" in known
    assert "b" * 18 + "!" not in known
    assert "c" * 20 in known


def test_all_alignments_of_base64_are_known_by_what_depends_on_nothing_else() -> None:
    known = forms("C4nary-Passw0rd!")
    for before in (b"", b"x", b"xy", b"xyz"):
        for after in (b"", b"1", b"12"):
            encoded = base64.b64encode(before + b"C4nary-Passw0rd!" + after).decode()
            assert any(form in encoded for form in known)


def test_base64_for_addresses_and_scripts_is_known() -> None:
    secret = "\xfb\xff\xfe?>~" * 3
    known = forms(secret)
    plain = base64.b64encode(secret.encode()).decode()
    assert "+" in plain or "/" in plain
    assert plain.replace("+", "-").replace("/", "_").rstrip("=") in known
    assert plain.replace("/", "\\/").rstrip("=") in known
