"""Proxmox VE's answers as errors of the common tree (contract 5 and 6).

Business errors are all HTTP 500 with free text, which also is the reason phrase; older nodes carry it nowhere else.
"""

from __future__ import annotations

import re
from typing import Final

from holdfast.cutting import cut
from holdfast.errors import (
    ApplianceError,
    ApplianceFaultError,
    AuthenticationError,
    BusyError,
    ConflictError,
    Executed,
    NotFoundError,
    PermissionDeniedError,
    UnavailableError,
    UnsupportedError,
    ValidationError,
)
from holdfast.transport import Reply
from holdfast.transport.values import JsonObject


class NodeUnreachableError(UnavailableError):
    """The cluster node that a call is for could not be reached by the node that was asked (595): nothing ran."""

    code = "node_unreachable"


class NodeTimeoutError(UnavailableError):
    """The node was reached and did not answer (596, 597, 599): a write may still happen."""

    code = "node_timeout"
    default_executed = Executed.UNKNOWN
    default_next_step = "Repeat a read later; before repeating a write read the state back: it may have been executed."


class ProxyError(UnavailableError):
    """Something in front of Proxmox answered in its place (contract 5): a write may have been executed, or still be."""

    default_executed = Executed.UNKNOWN
    default_next_step = "Look at that proxy; before repeating a write read the state back: it may have been executed."


class AgentError(UnavailableError):
    """The guest agent did not answer, or not in time."""

    default_next_step = "Install and enable the guest agent in the guest; see whether the guest itself hangs."


class DeviceError(UnavailableError):
    """What Proxmox itself asked failed: a guest's monitor, a storage, a program, another host. Proxmox is well."""

    default_executed = Executed.UNKNOWN
    default_next_step = "Look at what the message names; before repeating a write read the state back."


class NotLiveError(ConflictError):
    """The configuration was stored, and the running guest did not take it: it waits for the next stop and start."""

    code = "not_live"
    default_executed = Executed.UNKNOWN
    default_next_step = "proxmox_get_guest_config shows what is pending."


class NoQuorumError(UnavailableError):
    """The cluster has no quorum: reads work, changes do not."""

    code = "no_quorum"
    default_next_step = "Bring back enough nodes for a majority; proxmox_cluster_status shows which are missing."


class LockTimeoutError(BusyError):
    """Proxmox waited for a lock and gave up before doing anything: safe to repeat."""

    code = "lock_timeout"


class WrongStateError(ConflictError):
    """The object is not in a state in which this can be done."""

    code = "wrong_state"


_GRANT: Final = re.compile(r"\((/[^,()]*), ([A-Za-z.|]+)\)")
_LOCKED: Final = re.compile(r"(?:VM|CT) is locked \((\w+)\)", re.IGNORECASE)

# Order matters: the first pattern found decides.
_TEXTS: Final[tuple[tuple[re.Pattern[str], type[ApplianceError], str | None], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), error, step)
    for pattern, error, step in (
        (r"can't lock file .* got timeout|got lock request timeout", LockTimeoutError, "Repeat in a few seconds."),
        (
            r"(?:VM|CT) is locked",
            BusyError,
            "Wait until the task that holds the lock ends; proxmox_list_tasks shows it.",
        ),
        (r"checksum mismatch|detected modified configuration", ConflictError, "Read it again, then decide anew."),
        (r"no quorum|/etc/pve/.*permission denied", NoQuorumError, None),
        (
            r"no QEMU guest agent configured|guest agent is not running|agent error"
            r"|qmp command 'guest-|qga socket",
            AgentError,
            None,
        ),
        (r"already exists|already used|already defined|already running", ConflictError, None),
        (
            r"does not exist|no such (?:user|cluster node|task|resource|ha|storage|job|role|group|pool|rule|token|vm)"
            r"|no such|not found|can't find",
            NotFoundError,
            "List the objects to find the right name; an object that this account may not see is told in the same way.",
        ),
        (
            r"not running|is running|vm is paused|is a template|protection mode|--online|is not a template"
            r"|not stopped|must be stopped|still (?:running|in use|referenced)|in use",
            WrongStateError,
            "Bring the object into the needed state first.",
        ),
        (r"not implemented|is not available|not supported|does not support|not installed", UnsupportedError, None),
        (r"storage '.*' is (?:not online|disabled)", UnavailableError, "Check the storage with proxmox_list_storages."),
        (r"no worker upid|starting worker failed|unable to fork worker", LockTimeoutError, "Repeat in a few seconds."),
        (r"only root can|user != root", PermissionDeniedError, "Proxmox allows this to root@pam with a password only."),
        (r"hostname lookup", NodeUnreachableError, "Use the short name of a node from proxmox_list_nodes."),
        (r"no options specified|invalid format|unable to parse|value does not|out of range", ValidationError, None),
        (
            r"qmp command|^command '.*' failed|exit code \d|unable to activate storage|mount (?:error|point)"
            r"|can't connect to|error fetching|connection error|got timeout",
            DeviceError,
            None,
        ),
    )
)
_LATE: Final = re.compile(r"no quorum!|/etc/pve/.*permission denied|qmp command|qga socket", re.IGNORECASE)
"""What may be said after a part of the work: the cluster file system refused to be written, a guest did not answer."""
_STORED: Final = re.compile(r"hotplug problem|unable to apply pending change", re.IGNORECASE)
_RAW: Final = re.compile(r"\bat \S+ line \d+\.?$|ipcc_send_rec|\bInternal Server Error$|^HTTP \d+$", re.IGNORECASE)


def message_of(reply: Reply) -> tuple[str, JsonObject]:
    """The error's text and its map of parameters, from the body or the reason phrase."""
    errors: JsonObject = {}
    text = ""
    if reply.body.strip() and not reply.is_html and reply.body.lstrip()[:1] == b"{":
        body = reply.json()
        if isinstance(body, dict):
            if isinstance(found := body.get("errors"), dict):
                errors = found
            if isinstance(said := body.get("message"), str):
                text = said
    text = cut((text or reply.reason or f"HTTP {reply.status}").strip().splitlines()[0], 400)
    return text, errors


def error_of(reply: Reply) -> ApplianceError:
    """The error that a reply with a status other than 200 stands for."""
    text, errors = message_of(reply)
    status = reply.status
    shown = f"Proxmox: {text}"
    if errors:
        shown += (
            " (" + "; ".join(f"{name}: {cut(str(why).strip(), 200)}" for name, why in list(errors.items())[:5]) + ")"
        )
    if status == 400:
        if _STORED.search(" ".join(str(why) for why in errors.values())):
            # A VM's configuration is written before the running guest is asked to take it.
            return NotLiveError(shown, status=status)
        if re.search(r"no such|does not exist", " ".join(str(why) for why in errors.values()) + text, re.IGNORECASE):
            return NotFoundError(shown, status=status, next_step="List the objects to find the right name.")
        return ValidationError(shown, status=status, next_step="Correct the values named.")
    if status == 401 and reply.is_html:
        # Proxmox refuses without a body, or in JSON (contract 2.4): this is another's login.
        return UnsupportedError(
            "Something in front of Proxmox wants a login of its own (401 with a web page). Nothing was executed.",
            status=status,
            next_step="The operator lets this machine through there, or points the target at a node itself.",
        )
    if status == 401:
        return AuthenticationError("Proxmox refused the credential (401).", status=status)
    if status == 403:
        return _forbidden(text)
    if status == 595 and not reply.body.strip():
        return NodeUnreachableError(
            f"The node of this call cannot be reached by the cluster: {text}.",
            status=status,
            next_step="Other nodes still answer; proxmox_list_nodes shows which are online.",
        )
    if status in (596, 597, 599):
        return NodeTimeoutError(f"The node of this call did not answer in time: {text}.", status=status)
    if status in (502, 503, 504, 595) or (status != 500 and status > 506) or (status == 500 and reply.is_html):
        return ProxyError(
            f"A proxy in front of Proxmox answered {status}.", status=status, retry_after_s=reply.retry_after_s()
        )
    if status in (501, 506):
        return UnsupportedError(shown, status=status, next_step="This release or this installation does not have it.")
    if status == 404:
        return UnsupportedError("Proxmox has no such path (404): a proxy in between, or a wrong port.", status=status)
    return _by_text(text, shown, status)


def _forbidden(text: str) -> PermissionDeniedError:
    if grant := _GRANT.search(text):
        where, privilege = grant.groups()
        return missing_grant(privilege, where)
    return PermissionDeniedError(
        f"Proxmox: {text}", status=403, next_step="Compare with proxmox_permissions what this account may do."
    )


def missing_grant(privilege: str, where: str, what: str | None = None) -> PermissionDeniedError:
    """The error that names a grant which this account lacks, and how to get it.

    Args:
        privilege: Name of the privilege, or several with `|` of which one is enough.
        where: Path of the grant.
        what: What happened; that Proxmox denies it when omitted.
    """
    return PermissionDeniedError(
        what or f"Proxmox denies this: the privilege {privilege} on {where} is missing.",
        status=403,
        next_step=f"Grant a role with {privilege} on {where} to the user and, if it is separated, to the token.",
        details={"path": where, "privilege": privilege},
    )


def _by_text(text: str, shown: str, status: int) -> ApplianceError:
    for pattern, error, step in _TEXTS:
        if pattern.search(text):
            details = {"lock": found.group(1)} if (found := _LOCKED.search(text)) else None
            late = error.default_executed is not Executed.NO or _LATE.search(text)
            executed = Executed.UNKNOWN if late else Executed.NO
            return error(shown, status=status, next_step=step, executed=executed, details=details)
    return ApplianceFaultError(shown, status=status, next_step="Look at the task log or the node's system log.")


def is_internal(error: ApplianceFaultError) -> bool:
    """Whether the appliance itself stumbled, and did not only say no in words that are not known here (contract 6).

    What its programs say on purpose has no place in a file behind it; a cluster file system that is down is told by
    the name of its socket call.
    """
    return _RAW.search(error.message) is not None
