"""Sessions (contract §4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.simulators.idrac import body, gate
from holdfast.simulators.idrac.errors import Info, Refusal, info_object, missing_resource, success
from holdfast.simulators.idrac.persona import ROOT, Persona
from holdfast.simulators.idrac.sessions import Session
from holdfast.simulators.idrac.trees.common import collection, resource, status
from holdfast.simulators.idrac.trees.root import sessions_path
from holdfast.simulators.idrac.wire import Call, Json, Reply, link

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc
    from holdfast.simulators.idrac.routes import Routes


def session_limit(bmc: Bmc) -> int:
    """How many sessions the pool holds."""
    return int(bmc.setting("WebServer.1.MaxNumberOfSessions"))


def _service(bmc: Bmc, call: Call) -> Reply:
    path = f"{ROOT}/SessionService"
    content = resource(bmc, path, "SessionService", "Session Service")
    content |= {
        "ServiceEnabled": True,
        "SessionTimeout": int(bmc.setting("WebServer.1.Timeout")),
        "Sessions": link(sessions_path(bmc.persona)),
        "Status": status(),
    }
    return Reply(200, content)


def _patch_service(bmc: Bmc, call: Call) -> Reply:
    body.closed(call.body, {"SessionTimeout"})
    seconds = body.integer(call.body, "SessionTimeout", low=60, high=10_800)
    bmc.attributes.set("WebServer.1.Timeout", seconds)
    return success(bmc.persona)


def _session(bmc: Bmc, session: Session) -> Json:
    content = resource(bmc, f"{sessions_path(bmc.persona)}/{session.id}", "Session", "User Session")
    content |= {"UserName": session.username, "Password": None}
    if bmc.persona.generation >= 9:
        content |= {
            "ClientOriginIPAddress": session.client,
            "CreatedTime": bmc.stamp(session.created),
            "SessionType": "Redfish" if session.kind == "Redfish" else "WebUI",
        }
    return content


def _sessions(bmc: Bmc, call: Call) -> Reply:
    bmc.sessions.expire()
    base = sessions_path(bmc.persona)
    return collection(bmc, call.path, "Session", [f"{base}/{name}" for name in bmc.sessions.members])


def _one(bmc: Bmc, call: Call) -> Reply:
    bmc.sessions.expire()
    session = bmc.sessions.members.get(call.args[0])
    if session is None:
        raise missing_resource(call.path)
    return Reply(200, _session(bmc, session))


def _login(bmc: Bmc, call: Call) -> Reply:
    username = body.text(call.body, "UserName")
    password = body.text(call.body, "Password")
    body.closed(call.body, {"UserName", "Password"})
    account = gate.check_password(bmc, username, password, call.client)
    session = bmc.sessions.open(
        username,
        call.client,
        limit=session_limit(bmc),
        timeout_s=float(bmc.setting("WebServer.1.Timeout")),
    )
    bmc.record("USR0030", username, call.client, "REDFISH", category="Audit")
    content = _session(bmc, session)
    if account.password_change_required:
        # The login stands, for nothing but changing the password.
        content["@Message.ExtendedInfo"] = [info_object(bmc.persona, gate.password_due(account))]
    return Reply(201, content, {"X-Auth-Token": session.token, "Location": str(content["@odata.id"])})


def _logout(bmc: Bmc, call: Call) -> Reply:
    session = bmc.sessions.members.get(call.args[0])
    if session is None:
        raise missing_resource(call.path)
    own = call.account is not None and call.account.username == session.username
    if not own and (call.account is None or "ConfigureManager" not in bmc.accounts.privileges(call.account)):
        raise Refusal(403, (Info("RAC0506"), Info("InsufficientPrivilege")))
    bmc.sessions.close(session.id)
    bmc.record("USR0032", session.username, session.client, "REDFISH", category="Audit")
    return success(bmc.persona) if bmc.persona.generation < 10 else Reply(204)


def mount(routes: Routes, persona: Persona) -> None:
    """Add the session service; old firmware takes logins only at the old URI (405 at the new one)."""
    service = f"{ROOT}/SessionService"
    routes.get(service, _service)
    routes.add("PATCH", service, _patch_service)
    for path in {sessions_path(persona), f"{service}/Sessions"}:
        routes.get(path, _sessions)
        routes.get(f"{path}/*", _one)
        routes.add("DELETE", f"{path}/*", _logout, privilege="Login", locked=False)
    for path in (sessions_path(persona), f"{sessions_path(persona)}/Members"):
        routes.add("POST", path, _login, public=True, locked=False)
