"""Planted secrets come out nowhere: not in answers, errors, logs, ledger, metrics or crash reports, in no form."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from holdfast.cli.logs import JsonFormatter
from holdfast.control.rendering import compact
from holdfast.control.spec import ToolSpec
from holdfast.errors import HoldfastError
from holdfast.server.errors import error_text
from tests.support.rooms import Room, room

KINDS = ("pfsense", "truenas", "idrac", "proxmox")
PLANTED = {
    "password": "Canary-pass%word/with+odd=chars&01",
    "api key": "canary0api0key0canary0api0key0canary0api0key0012",
    "token": "canary-token-canary-token-canary-token-000000003",
    "pem": "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LXByaXZhdGUta2V5LTA0\n-----END PRIVATE KEY-----",
    "cookie": "PVEAuthCookie-canary-0005-ticket-value",
    "psk": "canary pre shared key 06 with blanks",
    "unicode": "canari-clé-secrète-07-ümlaut",
    "json": 'canary"quoted\\secret-08',
    "bearer": "eyJhbGciOiJub25lIn0.canary09.signature",
    "uuid": "c0ffee00-ca9a-4e1d-8888-00000000c010",
    "long": "canary11" * 30,
    "number": "7311731173117311",
}
ERROR_PATHS: dict[str, dict[str, str | int]] = {
    "none": {},
    "refuse": {},
    "wire:http-503": {},
    "wire:login-page": {},
    "wire:garbage": {},
    "bad-cert": {"certificate": "expired"},
    "drop-before": {},
}


def forms(secret: str) -> set[str]:
    """The secret as it may be written."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * pad + raw).decode()[4:-4] for pad in range(3)}
    return {secret, quote(secret, safe=""), base64.b64encode(raw).decode(), raw.hex(), compact(secret)[1:-1], *shifted}


def hits(text: str) -> list[str]:
    """Names of planted secrets that stand in the text in any form."""
    return [name for name, secret in PLANTED.items() if any(form in text for form in forms(secret))]


@contextmanager
def captured_logs(made: Room) -> Iterator[io.StringIO]:
    """Everything logged, as the server writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(made.application.room.log_filter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def argument_sets(spec: ToolSpec, schema: dict[str, object]) -> list[dict[str, object]]:
    """Calls of a tool: without arguments, and with a secret in every argument."""
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    names = [name for name in properties if name not in ("target", "dry_run", "plan_id")]
    planted = list(PLANTED.values())
    full: dict[str, object] = {name: planted[index % len(planted)] for index, name in enumerate(names)}
    return [{}, full, {planted[0]: 1}]


async def said(made: Room, tool: str, arguments: dict[str, object]) -> str:
    """What a client is told."""
    try:
        return compact(await made.call(tool, **{str(name): value for name, value in arguments.items()}))
    except HoldfastError as error:
        return error_text(error)


@pytest.mark.parametrize("path", ERROR_PATHS)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_planted_secret_leaves_by_any_tool_on_any_path(kind: str, path: str, tmp_path: Path) -> None:
    async with room(kind, tmp_path, settings="retry_max_attempts = 1") as made:
        for secret in PLANTED.values():
            made.application.room.redactor.add(secret)
        if path != "none":
            made.running.fault(path, **ERROR_PATHS[path])
        everything: list[str] = []
        with captured_logs(made) as logs:
            for entry in made.application.entries:
                schema: dict[str, object] = dict(entry.input_schema)
                for arguments in argument_sets(entry.spec(), schema):
                    everything.append(await said(made, entry.name, arguments))
                logging.getLogger("holdfast.test").warning("about %s: %s", entry.name, list(PLANTED.values()))
        metrics, _ = made.application.metrics()
        everything += [logs.getvalue(), metrics.decode()]
        ledger = tmp_path / "state"
        if ledger.is_dir():
            everything += [file.read_text(errors="replace") for file in ledger.rglob("*") if file.is_file()]
        for text in everything:
            assert hits(text) == []
        credentials = [value for key, value in made.running.credentials.items() if key not in ("username", "token_id")]
        for text in everything:
            assert not any(credential in text for credential in credentials)


async def test_a_crash_report_and_an_unexpected_error_hold_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room("proxmox", tmp_path) as made:
        for secret in PLANTED.values():
            made.application.room.redactor.add(secret)
        previous = sys.excepthook
        with contextlib.ExitStack() as stack:
            stack.callback(setattr, sys, "excepthook", previous)
            made.application.room.redact_crashes()
            try:
                raise ValueError(f"crashed with {list(PLANTED.values())}")
            except ValueError as error:
                sys.excepthook(type(error), error, error.__traceback__)
        report = capsys.readouterr().err
        assert "ValueError" in report
        assert hits(report) == []


def test_the_canary_is_alive() -> None:
    assert len(PLANTED) == 12
    for name, secret in PLANTED.items():
        assert name in hits(f"… {secret} …")
        assert name in hits(base64.b64encode(secret.encode()).decode())
        assert name in hits(quote(secret, safe=""))
