"""Answers that are not what they seem: "not ready" in disguise, success that hides failure (contract §5, §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac.errors import Info, Refusal, envelope, missing_resource, refuse
from holdfast.simulators.idrac.persona import ROOT
from holdfast.simulators.idrac.refusing import refused_value
from holdfast.simulators.idrac.wire import Call, Json, Reply

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

_HTML = "<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
_PUBLIC = frozenset({"/redfish", ROOT, f"{ROOT}/odata", f"{ROOT}/$metadata"})


def _html(status: int) -> Reply:
    return Reply(status, text=_HTML.format(status=status), content_type="text/html")


def _sys518(seconds: int) -> Refusal:
    headers = {"Retry-After": str(seconds)} if seconds else {}
    return Refusal(503, (Info("SYS518"), Info("ServiceTemporarilyUnavailable", (str(seconds or 30),))), headers)


def before(bmc: Bmc, method: str, path: str, in_flight: int) -> Reply | None:
    """What is answered before anybody looks at the request: restarts, overload, a web server's own errors."""
    faults, now = bmc.faults, bmc.now
    if bmc.life.phase == "starting":
        return Reply(503)
    limit = bmc.persona.parallel_limit
    crowded = faults.peek("overload", path=path, now=now)
    if crowded is not None:
        limit = int(crowded.number("limit"))
    if in_flight > limit:
        status = 429 if bmc.persona.generation >= 10 else 503
        return Reply(status, envelope(bmc.persona, (Info("ServiceTemporarilyUnavailable", ("5",)),)))
    if faults.take("html-401", path=path, method=method, now=now):
        return _html(401)
    fault = faults.take("html-error", path=path, method=method, now=now)
    if fault is not None:
        return _html(int(fault.number("status")))
    fault = faults.take("too-many", path=path, method=method, now=now)
    if fault is not None:
        return _busy(bmc, 429, int(fault.number("retry_after_s")))
    fault = faults.take("busy", path=path, method=method, now=now)
    if fault is not None:
        return _busy(bmc, 503, int(fault.number("retry_after_s")))
    fault = faults.take("internal-error", path=path, method=method, now=now)
    if fault is not None:
        return Reply(int(fault.number("status")), envelope(bmc.persona, (Info(fault.text("message_id")),)))
    return None


def _busy(bmc: Bmc, status: int, retry_after_s: int) -> Reply:
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return Reply(status, envelope(bmc.persona, (Info("ServiceTemporarilyUnavailable", ("30",)),)), headers)


def data_ready(bmc: Bmc, path: str) -> None:
    """Refuse what needs data that is not there yet; the root and its public kin always answer."""
    if path in _PUBLIC or "/SessionService" in path or path.endswith("/Sessions"):
        return
    if bmc.life.phase == "waking" and "DellLCService" not in path and not path.endswith("/Systems"):
        raise _sys518(30)
    fault = bmc.faults.peek("not-ready", path=path, now=bmc.now)
    if fault is None:
        return
    disguise = fault.text("disguise")
    if disguise == "empty-systems":
        return
    bmc.faults.take("not-ready", path=path, now=bmc.now)
    seconds = int(fault.number("retry_after_s"))
    if disguise == "sys518":
        raise _sys518(seconds)
    if disguise == "sys518-400":
        raise refuse(400, "SYS518")
    if disguise == "swc0700":
        raise refuse(400, "SWC0700")
    if disguise == "rac964":
        raise refuse(500, "RAC964")
    if disguise == "busy-503":
        raise refuse(503, "ServiceTemporarilyUnavailable", str(seconds))
    if disguise == "late-404":
        raise missing_resource(path)
    raise Refusal(503, ())


def systems_hidden(bmc: Bmc) -> bool:
    """Whether Systems shows no members now."""
    if bmc.life.systems_empty or bmc.faults.peek("systems-empty", now=bmc.now):
        return True
    fault = bmc.faults.peek("not-ready", now=bmc.now)
    if fault is None or fault.text("disguise") != "empty-systems":
        return False
    return bmc.faults.take("not-ready", now=bmc.now) is not None


def instead(bmc: Bmc, call: Call) -> Reply | None:
    """A 200 that holds an error, in place of carrying the request out (contract §5); a refused value is raised."""
    refusal = refused_value(bmc, call)
    if refusal is not None:
        raise refusal
    fault = bmc.faults.peek("success-with-error-body", path=call.path, method=call.method, now=bmc.now)
    if fault is None or fault.flag("executed") or call.path.endswith("Sessions"):
        return None
    bmc.faults.take("success-with-error-body", path=call.path, method=call.method, now=bmc.now)
    return Reply(200, envelope(bmc.persona, (Info("SYS409", ("a value",)),)))


def after(bmc: Bmc, method: str, path: str, reply: Reply) -> Reply:
    """What is done to a finished answer."""
    faults, now = bmc.faults, bmc.now
    if method not in ("GET", "HEAD") and reply.status < 300 and not path.endswith("Sessions"):
        fault = faults.take("success-with-error-body", path=path, method=method, now=now)
        if fault is not None:
            reply.body = envelope(bmc.persona, (Info("SYS409", ("a value",)),))
            reply.status = 200
        fault = faults.take("late-error", path=path, method=method, now=now)
        if fault is not None:
            status = int(fault.number("status"))
            return Reply(status) if fault.flag("empty") else _html(status)
    if reply.status < 300 and faults.take("empty-body", path=path, method=method, now=now):
        return Reply(reply.status, None, reply.headers)
    if reply.status >= 400 and reply.body is not None:
        _misshape(bmc, path, method, reply)
    fault = faults.take("foreign-link", path=path, method=method, now=now)
    if fault is not None:
        origin = fault.text("origin")
        if "Location" in reply.headers:
            reply.headers["Location"] = origin + reply.headers["Location"]
        reply.encoded = None
        if reply.body is not None and "Members@odata.nextLink" in reply.body:
            reply.body["Members@odata.nextLink"] = f"{origin}{reply.body['Members@odata.nextLink']}"
    return reply


def _misshape(bmc: Bmc, path: str, method: str, reply: Reply) -> None:
    body: Json = reply.body or {}
    error = body.get("error")
    if not isinstance(error, dict):
        return
    entries = error.get("@Message.ExtendedInfo")
    if bmc.faults.take("error-object", path=path, method=method, now=bmc.now) and isinstance(entries, list) and entries:
        error["@Message.ExtendedInfo"] = entries[0]
    elif bmc.faults.take("error-without-info", path=path, method=method, now=bmc.now):
        error.pop("@Message.ExtendedInfo", None)
