"""A pfSense firewall with the REST API package v2, simulated on the wire."""

from holdfast.simulators.pfsense.simulator import PfSenseSimulator, create
from holdfast.simulators.pfsense.versions import DEFAULT_PERSONA, PERSONAS

__all__ = ["DEFAULT_PERSONA", "PERSONAS", "PfSenseSimulator", "create"]
