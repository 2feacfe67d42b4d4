"""Toolsets of iDRAC."""

from __future__ import annotations

from typing import Final

from holdfast.control.spec import Toolset

_HERE: Final = "holdfast.appliances.idrac.tools"

TOOLSETS: Final = (
    Toolset("core", f"{_HERE}.core", "Identity and state of the server.", default=True),
    Toolset("hardware", f"{_HERE}.hardware", "Health, parts, logs.", default=True),
    Toolset("jobs", f"{_HERE}.jobs", "The job queue.", default=True),
    Toolset("fleet", f"{_HERE}.fleet", "Health of many servers in one call.", default=True),
    Toolset("power", f"{_HERE}.power", "Power of the server.", default=True),
    Toolset("control", f"{_HERE}.control", "Boot, virtual media, light, lockdown, jobs, restart of the iDRAC."),
    Toolset("sensors", f"{_HERE}.sensors", "Power readings and cap, temperatures, fans."),
    Toolset("provision", f"{_HERE}.provision", "Volumes, drives, firmware."),
    Toolset("firmware", f"{_HERE}.firmware", "Firmware from a file, and compared with a catalogue."),
    Toolset("observe", f"{_HERE}.observe", "One time line of logs and jobs; telemetry."),
    Toolset("fleetread", f"{_HERE}.fleetread", "Any read tool at many servers."),
    Toolset("bios", f"{_HERE}.bios", "BIOS attributes."),
    Toolset("storage", f"{_HERE}.storage", "Spares, foreign drives, caches, controllers."),
    Toolset("events", f"{_HERE}.events", "Event subscriptions."),
    Toolset("accounts", f"{_HERE}.accounts", "Users of the iDRAC."),
    Toolset("certificates", f"{_HERE}.certificates", "The certificate of the iDRAC's web server."),
    Toolset("licences", f"{_HERE}.licences", "Licences of the iDRAC."),
    Toolset("profile", f"{_HERE}.profile", "Configuration profiles (SCP): export, preview, import."),
    Toolset("support", f"{_HERE}.support", "Diagnostics, collections for support."),
    Toolset("network", f"{_HERE}.network", "The iDRAC's own network, clock and attributes."),
)
