"""Every fault of the wire: its name, what it does, its options. The only list; help, documentation and rack read it.

Faults of one appliance (a node offline, a job that fails) are not here: each simulator declares its own in
`Simulator.fault_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Value = str | int | float | bool


class Stage(StrEnum):
    """Where a fault acts. Of the first two, one fault at a time; the others add up."""

    LISTEN = "listen"
    """On the listening socket: whether a TCP connection can be made at all."""
    HANDSHAKE = "handshake"
    """After TCP has connected, before the first request."""
    REQUEST = "request"
    """On a request: answered, delayed or dropped by the rack."""
    REPLY = "reply"
    """On the bytes of an answer that the simulator made."""


@dataclass(frozen=True)
class Option:
    """One option of a fault. `default` also fixes its type; `choices` are the allowed texts, empty for any."""

    default: Value
    summary: str
    minimum: float = 0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaultKind:
    """One fault of the wire. `bounded` says that `times` is possible, `matches` that `method` and `path` are."""

    name: str
    stage: Stage
    summary: str
    options: Mapping[str, Option]
    method: str = "any"

    @property
    def bounded(self) -> bool:
        """Whether the fault can be told to end by itself after so many connections or requests (`times`)."""
        return self.stage is not Stage.LISTEN

    @property
    def matches(self) -> bool:
        """Whether the fault can be restricted to some requests (`method`, `path`)."""
        return self.stage in (Stage.REQUEST, Stage.REPLY)


_CUT: Final = Option(True, "abort the connections that are open")

BAD_CERTIFICATES: Final[Mapping[str, str]] = {
    "expired": "signed by the rack's CA, ended yesterday",
    "not-yet-valid": "signed by the rack's CA, begins tomorrow",
    "wrong-name": "signed by the rack's CA for another host name",
    "unknown-ca": "right name, signed by a CA that nobody trusts",
    "self-signed": "right name, signed by itself",
    "renewed": "right in every way, but another key than before (a pin no longer fits)",
}

FAULTS: Final[Mapping[str, FaultKind]] = {
    fault.name: fault
    for fault in (
        FaultKind(
            "refuse",
            Stage.LISTEN,
            "Nothing listens: connections are refused; the port stays reserved and opens again when healed.",
            {"cut": _CUT},
        ),
        FaultKind(
            "black-hole",
            Stage.LISTEN,
            "A new connection hangs like a dropped SYN, and open ones stop answering.",
            {
                "late_delivery": Option(
                    False, "when healed, deliver what open connections had sent (otherwise abort them)"
                ),
            },
        ),
        FaultKind(
            "hang-tls",
            Stage.HANDSHAKE,
            "TCP connects, the TLS handshake never begins.",
            {"cut": _CUT},
        ),
        FaultKind(
            "bad-cert",
            Stage.HANDSHAKE,
            "New connections get a certificate that must not be trusted.",
            {
                "certificate": Option(
                    "expired",
                    "; ".join(f"{name}: {text}" for name, text in BAD_CERTIFICATES.items()),
                    choices=tuple(BAD_CERTIFICATES),
                ),
                "cut": _CUT,
            },
        ),
        FaultKind(
            "plain-http",
            Stage.HANDSHAKE,
            "The port speaks HTTP without TLS.",
            {"cut": _CUT},
        ),
        FaultKind(
            "latency",
            Stage.REQUEST,
            "Every request waits before it is executed.",
            {"seconds": Option(1.0, "how long")},
        ),
        FaultKind(
            "stall",
            Stage.REQUEST,
            "The request is received and no answer comes until healed.",
            {"execute": Option(False, "execute the request before stalling (otherwise when healed)")},
        ),
        FaultKind(
            "drop-before",
            Stage.REQUEST,
            "The connection dies (RST) when the request has arrived; it is not executed.",
            {},
        ),
        FaultKind(
            "lost-reply",
            Stage.REQUEST,
            "A write (or what `method` names) is executed, then the connection dies (RST) before its answer begins.",
            {},
            method="write",
        ),
        FaultKind(
            "http-503",
            Stage.REQUEST,
            "503 with Retry-After; the request is not executed.",
            {
                "retry_after_s": Option(2.0, "seconds named in Retry-After; 0 leaves the header out"),
                "retry_after_form": Option("seconds", "how Retry-After says it", choices=("seconds", "date")),
                "status": Option(503, "another status (502, 504, 429 …)", minimum=400),
            },
        ),
        FaultKind(
            "login-page",
            Stage.REQUEST,
            "200 with an HTML login form instead of the API's answer; the request is not executed.",
            {},
        ),
        FaultKind(
            "redirect",
            Stage.REQUEST,
            "302 to another place; the request is not executed.",
            {"location": Option("https://elsewhere.example/login", "the Location header")},
        ),
        FaultKind(
            "garbage",
            Stage.REQUEST,
            "Bytes that are not HTTP, then a close; the request is not executed.",
            {},
        ),
        FaultKind(
            "oversize",
            Stage.REQUEST,
            "A 200 with a very large JSON body; the request is not executed.",
            {
                "size_bytes": Option(64 * 1024 * 1024, "size of the body once decoded", minimum=1),
                "compressed": Option(False, "send it gzip-encoded: few bytes on the wire, many when decoded"),
            },
        ),
        FaultKind(
            "malformed-json",
            Stage.REPLY,
            "The request is executed; the body of the answer is cut in half, headers agreeing with it.",
            {},
        ),
        FaultKind(
            "reset",
            Stage.REPLY,
            "The request is executed; the connection dies (RST) in the middle of the body.",
            {"after_bytes": Option(16, "bytes of the body that still go out; never all of them")},
        ),
        FaultKind(
            "truncate",
            Stage.REPLY,
            "As reset, but with an orderly close (FIN) in the middle of the body.",
            {"after_bytes": Option(16, "bytes of the body that still go out; never all of them")},
        ),
        FaultKind(
            "drip",
            Stage.REPLY,
            "The body of the answer trickles.",
            {"bytes_per_s": Option(10.0, "how fast", minimum=0.001)},
        ),
    )
}
"""All faults of the wire by name, in the order in which they are documented."""

CUT: Final = "cut"
"""Not a state but an act: abort all open connections now. Accepted wherever a fault's name is."""

CUT_SUMMARY: Final = "Aborts (RST) every open connection at once; nothing stays switched on."

TIMES_SUMMARY: Final = "switch off by itself after so many connections or requests"
METHOD_SUMMARY: Final = "only requests of this method; `write` means all but GET, HEAD and OPTIONS, `any` all"
PATH_SUMMARY: Final = "only requests whose path begins with this"


def describe(name: str) -> str:
    """One line about a fault of the wire or `cut`; KeyError when there is none of that name."""
    return CUT_SUMMARY if name == CUT else FAULTS[name].summary


def as_markdown() -> str:
    """The table of all faults as it stands in docs/simulators.md."""
    rows = ["| fault | what it does | its options and their defaults |", "|---|---|---|"]
    for fault in FAULTS.values():
        options = "; ".join(
            f"`{name}` = {_literal(option)}: {option.summary}" for name, option in fault.options.items()
        )
        rows.append(f"| `{fault.name}` | {fault.summary} | {options or '–'} |")
    rows.append(f"| `{CUT}` | {CUT_SUMMARY} | – |")
    return "\n".join(rows) + "\n"


def _literal(option: Option) -> str:
    if isinstance(option.default, bool):
        return "true" if option.default else "false"
    if isinstance(option.default, str):
        return f'"{option.default}"'
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)
