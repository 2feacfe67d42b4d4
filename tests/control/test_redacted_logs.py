"""Logs and crash reports leave without secrets, whatever way the secret came in."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest
import structlog

from holdfast.control.redactedlogs import RedactingFilter, RedactingProcessor, install_crash_reports
from holdfast.control.redaction import REDACTED, Redactor
from tests.support.hostile import STRINGS

SECRET = "C4nary-Passw0rd!"


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra)s", defaults={"extra": ""}))
    handler.addFilter(RedactingFilter(Redactor([SECRET])))
    logger = logging.getLogger("tests.redacted")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)


Log = tuple[logging.Logger, io.StringIO]


def test_message_arguments_and_extra_fields_are_redacted(log: Log) -> None:
    logger, stream = log
    logger.info("login with %s and %r", SECRET, {"x": SECRET}, extra={"extra": [SECRET]})
    logger.info("sent %(password)s", {"password": SECRET})
    logger.info(f"literal {SECRET}")
    logger.getChild("below").warning("from below %s", SECRET)
    shown = stream.getvalue()
    assert SECRET not in shown
    assert shown.count(REDACTED) >= 5
    assert "login with" in shown


def test_a_secret_field_is_hidden_by_its_name(log: Log) -> None:
    logger, stream = log
    logger.handlers[0].setFormatter(logging.Formatter("%(message)s %(api_key)s %(count)s"))
    logger.info("x", extra={"api_key": "unknown-to-anybody", "count": 3})
    assert stream.getvalue() == f"x {REDACTED} 3\n"


def test_exceptions_with_causes_and_stacks_are_redacted(log: Log) -> None:
    logger, stream = log
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(f"because {SECRET}") from error
    except RuntimeError:
        logger.exception("failed %s", SECRET, stack_info=True)
    shown = stream.getvalue()
    assert SECRET not in shown
    assert "RuntimeError" in shown
    assert "ValueError" in shown
    assert "Traceback" in shown


def test_the_exception_itself_is_taken_off_the_record_so_that_nobody_prints_it_anew() -> None:
    filter_ = RedactingFilter(Redactor([SECRET]))
    try:
        raise ValueError(SECRET)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "m", (), sys.exc_info())
    assert filter_.filter(record)
    assert record.exc_info is None
    assert record.exc_text is not None
    assert "ValueError" in record.exc_text
    assert SECRET not in record.exc_text
    assert SECRET not in repr(vars(record))


def test_text_of_an_exception_that_another_formatter_left_is_redacted_too() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "m", (), None)
    record.exc_text = f"Traceback {SECRET}\x1b[31m\nline"
    record.stack_info = f"Stack {SECRET}"
    RedactingFilter(Redactor([SECRET])).filter(record)
    assert record.exc_text == f"Traceback {REDACTED}\nline"
    assert record.stack_info == f"Stack {REDACTED}"


def test_a_message_whose_arguments_do_not_fit_is_shown_all_the_same(log: Log) -> None:
    logger, stream = log
    logger.info("%d %d", SECRET)
    logger.info("%(missing)s", {"other": SECRET})
    assert SECRET not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


def test_one_record_is_one_line_whatever_an_appliance_sent(log: Log) -> None:
    logger, stream = log
    short = [text for text in STRINGS if len(text) < 5000]
    for text in short:
        logger.info("name %s", text)
    shown = stream.getvalue()
    assert len(shown.splitlines()) == len(short)
    assert "\x1b" not in shown


def processed(event: dict[str, object]) -> dict[str, object]:
    return dict(RedactingProcessor(Redactor([SECRET]))(None, "info", event))


def test_a_structured_event_is_redacted_by_value_and_by_name() -> None:
    assert processed(
        {
            "event": f"hello {SECRET}",
            "password": "p",
            "nested": {"token": "t", "list": [SECRET, 1, None]},
            "count": 3,
            "flag": True,
            "tuple": (SECRET,),
            "error": ValueError(SECRET),
            "thing": SimpleNamespace(x=SECRET),
            "bytes": SECRET.encode(),
            "secret": None,
            "psk": "",
            "pin": True,
            "path": PurePosixPath("/x"),
        }
    ) == {
        "event": f"hello {REDACTED}",
        "password": REDACTED,
        "nested": {"token": REDACTED, "list": [REDACTED, 1, None]},
        "count": 3,
        "flag": True,
        "tuple": [REDACTED],
        "error": f"ValueError: {REDACTED}",
        "thing": f"namespace(x='{REDACTED}')",
        "bytes": f"b'{REDACTED}'",
        "secret": None,
        "psk": "",
        "pin": True,
        "path": "PurePosixPath('/x')",
    }


@pytest.mark.parametrize("form", ["true", "instance", "tuple"])
def test_an_exception_becomes_redacted_text_whoever_formats_afterwards(form: str) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        found: object = {"true": True, "instance": error, "tuple": (ValueError, error, error.__traceback__)}[form]
        event = processed({"event": "x", "exc_info": found})
    assert "exc_info" not in event
    assert "ValueError" in str(event["exception"])
    assert "\n" in str(event["exception"])
    assert SECRET not in str(event)


def test_an_exception_that_is_not_being_handled_any_more_is_shown_too() -> None:
    error = ValueError(SECRET)
    for found in (error, (ValueError, error, None)):
        assert "ValueError" in str(processed({"event": "x", "exc_info": found})["exception"])


@pytest.mark.parametrize("found", [False, 1, "x", (1, 2), (1, ValueError("x")), (1, 2, 3), ("a", "b", "c")])
def test_what_is_no_exception_is_not_taken_for_one(found: object) -> None:
    assert processed({"event": "x", "exc_info": found}) == {"event": "x"}


def test_there_is_no_exception_where_none_was_raised() -> None:
    assert processed({"event": "x", "exc_info": True}) == {"event": "x"}
    assert processed({"event": "x", "exc_info": None}) == {"event": "x"}


def test_the_processor_works_in_a_real_chain() -> None:
    stream = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[RedactingProcessor(Redactor([SECRET])), structlog.processors.JSONRenderer()],
    )
    logger.info("line\nbreak", host="a\x1b[31mb", secret=SECRET)
    assert json.loads(stream.getvalue()) == {"event": "line break", "host": "ab", "secret": REDACTED}


def test_what_an_event_nests_too_deep_is_left_out() -> None:
    deep: object = SECRET
    for _ in range(500):
        deep = [deep]
    assert SECRET not in str(processed({"event": deep}))


CRASH = """
import sys, threading
from holdfast.control.redactedlogs import install_crash_reports
from holdfast.control.redaction import Redactor
install_crash_reports(Redactor(["C4nary-" + "Passw0rd!"]))
secret = "C4nary-" + "Passw0rd!"
class Bad:
    def __del__(self):
        raise OSError("while deleting " + secret)
def crash():
    raise ValueError("in a thread " + secret)
thread = threading.Thread(target=crash); thread.start(); thread.join()
bad = Bad(); del bad
if sys.argv[1] == "interrupt":
    raise KeyboardInterrupt(secret)
raise RuntimeError("in main " + secret)
"""


def test_a_crash_report_shows_where_and_what_but_no_secret() -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH, "crash"], capture_output=True, text=True, timeout=30, check=False
    )
    assert crashed.returncode == 1
    assert SECRET not in crashed.stderr + crashed.stdout
    for expected in ("RuntimeError: in main", "ValueError: in a thread", "OSError: while deleting", "Traceback"):
        assert expected in crashed.stderr


def test_an_interruption_ends_quietly() -> None:
    interrupted = subprocess.run(
        [sys.executable, "-c", CRASH, "interrupt"], capture_output=True, text=True, timeout=30, check=False
    )
    assert SECRET not in interrupted.stderr
    assert "Interrupted." in interrupted.stderr
    assert "KeyboardInterrupt" not in interrupted.stderr


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """Crash reports of this process, taken back afterwards."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    install_crash_reports(Redactor([SECRET]))
    return capsys


def test_the_main_thread_s_crash_is_reported_redacted(hooks: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(ValueError, ValueError(f"x {SECRET}"), None)
    assert hooks.readouterr().err == f"ValueError: x {REDACTED}\n"
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(SECRET), None)
    assert hooks.readouterr().err == "Interrupted.\n"


def test_another_thread_s_crash_is_reported_redacted_and_its_end_is_none(hooks: pytest.CaptureFixture[str]) -> None:
    threading.excepthook(threading.ExceptHookArgs((ValueError, ValueError(SECRET), None, None)))
    assert hooks.readouterr().err == f"ValueError: {REDACTED}\n"
    threading.excepthook(threading.ExceptHookArgs((SystemExit, SystemExit(0), None, None)))
    threading.excepthook(threading.ExceptHookArgs((ValueError, None, None, None)))
    assert hooks.readouterr().err == ""


def test_an_error_that_cannot_be_raised_is_reported_redacted(hooks: pytest.CaptureFixture[str]) -> None:
    unraisable = SimpleNamespace(exc_type=ValueError, exc_value=ValueError(SECRET), exc_traceback=None)
    sys.unraisablehook(unraisable)
    assert hooks.readouterr().err == f"ValueError: {REDACTED}\n"
    sys.unraisablehook(SimpleNamespace(exc_type=ValueError, exc_value=None))
    assert hooks.readouterr().err == ""
