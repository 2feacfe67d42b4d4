"""Other ids in place of Dell's, on the way in and out, for personas that go by them (contract §2, §14, §15)."""

from __future__ import annotations

import re

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

_FOREIGN = (
    ("System.Embedded.1", "7f2c1d9a-5b1e-4f60-9a8e-0b6f3c2d1e01"),
    ("iDRAC.Embedded.1", "7f2c1d9a-5b1e-4f60-9a8e-0b6f3c2d1e02"),
    ("/Lclog", "/Log1"),
    ("JID_", "task-"),
    ("Installed-", "image-"),
)
"""What another vendor's is called."""
_VENDOR = re.compile(r"(?:#?(?:Dell|OemManager)|.*\.Oem\b)")
_WORDS = (
    (re.compile(r"^\d\dG (?:Monolithic|Modular)$"), "BMC 2000"),
    (re.compile(r"Integrated Dell Remote Access Controller"), "Baseboard Management Controller"),
    (re.compile(r"\bIDRAC\.\d+\.\d+\."), "Example.1.0."),
    (re.compile(r"Dell Inc\.|\bDELL\b|\bDell\b"), "Example"),
    (re.compile(r"PowerEdge"), "Example"),
    (re.compile(r"\biDRAC\b"), "BMC"),
)


def _names(persona: Persona) -> tuple[tuple[str, str], ...]:
    return _FOREIGN if persona.foreign else _NAMES


def without_vendor(value: object) -> object:
    """A body as another vendor would write it: no Oem, no message of Dell's registry, no name of Dell's."""
    if isinstance(value, dict):
        return {
            name: without_vendor(_messages(inner) if name == "@Message.ExtendedInfo" else inner)
            for name, inner in value.items()
            if name != "Oem" and not _VENDOR.match(name)
        }
    if isinstance(value, list):
        return [without_vendor(inner) for inner in value]
    if isinstance(value, str) and not value.startswith("/redfish/"):
        for pattern, word in _WORDS:
            value = pattern.sub(word, value)
    return value


def _messages(entries: object) -> object:
    if not isinstance(entries, list):
        return entries
    return [one for one in entries if not (isinstance(one, dict) and str(one.get("MessageId")).startswith("IDRAC."))]


def inward(persona: Persona, text: str) -> str:
    """A path or body of a request in Dell's names."""
    if persona.renamed:
        for dell, other in _names(persona):
            text = text.replace(other, dell)
    return text


def outward(persona: Persona, text: str) -> str:
    """A header or body of an answer in the other names."""
    if persona.renamed:
        for dell, other in _names(persona):
            text = text.replace(dell, other)
    return text


def assumed(persona: Persona, path: str) -> bool:
    """Whether a request uses one of Dell's names where they do not exist."""
    if persona.foreign and re.search(r"/Oem/|/Dell", path):
        return True
    return persona.renamed and any(dell in path for dell, _ in _names(persona))
