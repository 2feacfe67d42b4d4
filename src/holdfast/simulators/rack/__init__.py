"""Simulators on real sockets: TLS from one generated CA, faults of the wire, records of what arrived."""

from holdfast.simulators.rack.authority import Authority
from holdfast.simulators.rack.rack import EVERY, KINDS, Member, Rack
from holdfast.simulators.rack.running import RunningSimulator

__all__ = ["EVERY", "KINDS", "Authority", "Member", "Rack", "RunningSimulator"]
