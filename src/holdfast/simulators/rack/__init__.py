"""Simulators on real sockets: TLS from one generated CA, faults of the wire, records of what arrived."""

from holdfast.simulators.rack.authority import Authority
from holdfast.simulators.rack.control import ControlEndpoint
from holdfast.simulators.rack.files import RackFiles
from holdfast.simulators.rack.rack import EVERY, KINDS, Member, Rack, make_simulator
from holdfast.simulators.rack.running import OWN, WIRE, RunningSimulator

__all__ = [
    "EVERY",
    "KINDS",
    "OWN",
    "WIRE",
    "Authority",
    "ControlEndpoint",
    "Member",
    "Rack",
    "RackFiles",
    "RunningSimulator",
    "make_simulator",
]
