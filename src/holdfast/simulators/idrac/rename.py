"""Other ids in place of Dell's, on the way in and out, for the persona that goes by them (contract §2, §14)."""

from __future__ import annotations

from holdfast.simulators.idrac.persona import Persona

_NAMES = (
    ("DellAttributes/iDRAC.Embedded.1", "DellAttributes/set-1"),
    ("DellAttributes/System.Embedded.1", "DellAttributes/set-2"),
    ("DellAttributes/LifecycleController.Embedded.1", "DellAttributes/set-3"),
    ("System.Embedded.1", "437XR1138R2"),
    ("iDRAC.Embedded.1", "bmc-a7"),
    ("/Volumes", "/Vols"),
    ("/FirmwareInventory", "/Firmware"),
)
"""What is called otherwise: the ids that clients like to assume, and two paths that only a link can tell."""


def inward(persona: Persona, text: str) -> str:
    """A path or body of a request in Dell's names."""
    if persona.renamed:
        for dell, other in _NAMES:
            text = text.replace(other, dell)
    return text


def outward(persona: Persona, text: str) -> str:
    """A header or body of an answer in the other names."""
    if persona.renamed:
        for dell, other in _NAMES:
            text = text.replace(dell, other)
    return text


def assumed(persona: Persona, path: str) -> bool:
    """Whether a request uses one of Dell's names where they do not exist."""
    return persona.renamed and any(dell in path for dell, _ in _NAMES)
