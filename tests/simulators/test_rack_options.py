"""What a fault accepts: names, options, their types and ranges."""

from __future__ import annotations

from typing import ClassVar

import pytest

from holdfast.simulators.faultlist import BAD_CERTIFICATES, CUT, FAULTS, Stage, describe
from holdfast.simulators.rack import OWN, WIRE
from holdfast.simulators.rack.authority import Authority
from holdfast.simulators.rack.faults import FaultBoard, make_fault, option_names
from holdfast.simulators.rack.shapers import SHAPED
from tests.simulators.rackclient import connected
from tests.support import running
from tests.support.echo import EchoSimulator


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_made_with_its_defaults(name: str) -> None:
    fault = make_fault(name, {})
    assert set(fault.options) == set(FAULTS[name].options)
    assert fault.remaining is None


def test_every_fault_is_described_in_one_sentence_or_two() -> None:
    for name in (*FAULTS, CUT):
        assert describe(name).endswith(".")
        assert 20 < len(describe(name)) < 130
    with pytest.raises(KeyError):
        describe("nonsense")


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("refuse", {"times": 2}, "has no option 'times'; it has cut"),
        ("refuse", {"path": "/x"}, "has no option 'path'"),
        ("hang-tls", {"method": "GET"}, "has no option 'method'"),
        ("drip", {"speed": 3}, "has no option 'speed'; it has bytes_per_s, times, method, path"),
        ("drip", {"bytes_per_s": 0}, "at least 0.001"),
        ("drip", {"bytes_per_s": "fast"}, "must be a number"),
        ("drip", {"bytes_per_s": float("nan")}, "at least"),
        ("latency", {"seconds": float("inf")}, "at least"),
        ("reset", {"after_bytes": 1.5}, "must be a whole number"),
        ("reset", {"after_bytes": True}, "must be a whole number"),
        ("reset", {"times": 0}, "times must be a whole number of at least 1"),
        ("reset", {"times": True}, "times must be"),
        ("reset", {"path": 7}, "path must be a text"),
        ("stall", {"execute": 1}, "must be true or false"),
        ("http-503", {"status": 200}, "at least 400"),
        ("http-503", {"retry_after_form": "weeks"}, "one of seconds, date"),
        ("bad-cert", {"certificate": "forged"}, "one of expired"),
    ],
)
def test_a_wrong_option_is_refused_with_what_is_allowed(
    name: str, options: dict[str, str | int | float | bool], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        make_fault(name, options)


def test_an_unknown_fault_is_refused_with_those_there_are() -> None:
    with pytest.raises(LookupError, match="refuse, black-hole"):
        make_fault("explode", {})


def test_numbers_and_texts_are_read_as_their_option_wants() -> None:
    assert make_fault("latency", {"seconds": 2}).number("seconds") == 2.0
    assert make_fault("lost-reply", {"method": "post"}).method == "POST"
    assert make_fault("lost-reply", {}).method == "write"


def test_options_of_a_fault_are_listed_with_the_common_ones() -> None:
    assert option_names(FAULTS["refuse"]) == ["cut"]
    assert option_names(FAULTS["hang-tls"]) == ["cut", "times"]
    assert option_names(FAULTS["drop-before"]) == ["times", "method", "path"]


@pytest.mark.parametrize(
    ("method", "wanted", "expected"),
    [("write", "GET", False), ("write", "PATCH", True), ("any", "HEAD", True), ("PUT", "PUT", True)],
)
def test_methods_match(method: str, wanted: str, expected: bool) -> None:
    assert make_fault("reset", {"method": method, "path": "/a"}).matches(wanted, "/a/b") is expected
    assert make_fault("reset", {"method": method, "path": "/b"}).matches(wanted, "/a/b") is False


def test_only_one_fault_acts_on_the_listening_socket_and_one_on_the_handshake() -> None:
    board = FaultBoard()
    for name in ("refuse", "hang-tls", "latency", "black-hole", "bad-cert", "http-503", "http-503"):
        board.add(make_fault(name, {}))
    assert [fault.kind.name for fault in board.active()] == ["latency", "black-hole", "bad-cert", "http-503"]
    assert board.on_stage(Stage.LISTEN) is board.active()[1]


def test_a_fault_that_used_up_its_times_can_still_be_healed() -> None:
    board = FaultBoard()
    fault = make_fault("stall", {"times": 1})
    board.add(fault)
    assert board.strike("stall", "GET", "/") is fault
    assert board.strike("stall", "GET", "/") is None
    assert not fault.healed.is_set()
    assert board.remove("stall") == [fault]
    assert fault.healed.is_set()
    assert board.remove() == []


def test_every_shaper_is_a_fault_of_the_reply() -> None:
    assert all(FAULTS[name].stage is Stage.REPLY for name in SHAPED)


def test_every_bad_certificate_can_be_made_and_nothing_else() -> None:
    authority = Authority()
    contexts = {authority.server_context(name) for name in ("good", *BAD_CERTIFICATES)}
    assert len(contexts) == len(BAD_CERTIFICATES) + 1
    assert authority.server_context() is authority.server_context("good")
    with pytest.raises(KeyError):
        authority.server_context("worse")


async def test_a_simulator_is_asked_for_faults_that_the_wire_does_not_have() -> None:
    echo = EchoSimulator()
    async with running(echo) as sim:
        with pytest.raises(LookupError, match=r"echo has no fault named 'explode'; there are refuse, .*cut, sulk"):
            sim.fault("explode")
        with pytest.raises(LookupError, match="echo has no fault named"):
            sim.fault(f"{OWN}refuse")
        with pytest.raises(ValueError, match="cut has no options"):
            sim.fault("cut", times=1)
        with pytest.raises(LookupError, match="no fault named 'explode' that could be healed"):
            sim.heal("explode")
        sim.fault(f"{OWN}sulk")
        assert echo.sulking
        sim.heal("sulk")
        assert not echo.sulking


async def test_where_both_have_a_name_the_simulators_own_fault_is_meant_unless_said_otherwise() -> None:
    class Surly(EchoSimulator):
        fault_names: ClassVar[dict[str, str]] = {"drip": "Sulks."}

        def set_fault(self, name: str, **options: str | int | float | bool) -> None:
            assert (name, options) == ("drip", {"mood": "bad"})
            self.sulking = True

    surly = Surly()
    async with running(surly) as sim:
        sim.fault("drip", mood="bad")
        assert (surly.sulking, sim.active_faults()) == (True, ())
        sim.fault(f"{WIRE}drip", bytes_per_s=5)
        assert [fault.kind.name for fault in sim.active_faults()] == ["drip"]
        sim.heal("drip")
        assert (surly.sulking, len(sim.active_faults())) == (False, 1)
        sim.fault(f"{OWN}drip", mood="bad")
        sim.heal(f"{WIRE}drip")
        assert (surly.sulking, sim.active_faults()) == (True, ())


async def test_faults_of_different_stages_add_up() -> None:
    async with running(EchoSimulator()) as sim, connected(sim) as connection:
        sim.fault("http-503", path="/echo")
        sim.fault("reset", after_bytes=2, path="/size")
        assert (await connection.ask("GET", "/echo")).head.startswith(b"HTTP/1.1 503 ")
        connection.send("GET", "/size/9")
        assert (await connection.until_the_end()).body == b"xx"
