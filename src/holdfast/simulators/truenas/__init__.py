"""TrueNAS on the wire: JSON-RPC 2.0 over WebSocket as releases 25.04, 25.10 and 26 speak it."""

from holdfast.simulators.truenas.simulator import TrueNASSimulator, create

__all__ = ["TrueNASSimulator", "create"]
