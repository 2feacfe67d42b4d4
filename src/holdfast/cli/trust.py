"""`holdfast trust NAME`: show an appliance's certificate, and the line that pins it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from holdfast.appliances.wiring import tls_of
from holdfast.cli.setting import configuration, named_target
from holdfast.control.cleaning import one_line
from holdfast.transport import fetch_certificate


def trust(config_file: Path | None, name: str, *, as_json: bool) -> None:
    """Fetch the certificate, sending nothing but a handshake, and print its fingerprint and the line that pins it."""
    target = named_target(configuration(config_file), name)
    certificate = asyncio.run(fetch_certificate(target.origin, settings=tls_of(target), timeout_s=10.0))
    problem = certificate.problem
    if as_json:
        facts = {
            "target": target.label,
            "origin": target.origin,
            "pin_sha256": certificate.sha256,
            "not_after": certificate.not_after.isoformat(),
            "verified": problem is None,
            "problem": None if problem is None else problem.message,
        }
        print(json.dumps(facts, indent=2))
        return
    print(f"{target.label} at {target.origin} shows this certificate:\n")
    for title, value in (
        ("subject", one_line(certificate.subject)),
        ("issuer", one_line(certificate.issuer)),
        ("names", one_line(", ".join(certificate.names))),
        ("valid", f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"),
        ("SHA-256", certificate.fingerprint),
    ):
        print(f"  {title:<8} {value}")
    if problem is None:
        print("\nIt passes the checks of this target already.")
        return
    print(f"\nIt does not pass the checks of this target: {problem.message}")
    print("Compare the fingerprint with the one that the appliance itself shows, on its console or in its web page.")
    print(f"Only if they are equal, put this into [targets.{target.label}]:\n")
    print(f'pin_sha256 = "{certificate.sha256}"')
