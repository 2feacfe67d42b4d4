"""Notification endpoints and matchers (contract section 15.15)."""

from __future__ import annotations

from typing import Final

from holdfast.simulators.proxmox.call import Answer, Call, answers
from holdfast.simulators.proxmox.errors import ApiError
from holdfast.simulators.proxmox.sections import Sections
from holdfast.simulators.proxmox.values import Row

_NOTIFY: Final = "/cluster/notifications"
_KINDS: Final = ("sendmail", "gotify", "smtp", "webhook")
ENDPOINTS: Final = {
    kind: Sections(
        f"notify-{kind}",
        "name",
        "notifications.cfg",
        f"POST {_NOTIFY}/endpoints/{kind}",
        f"{kind} endpoint",
        frozenset({"token", "password"}),
    )
    for kind in _KINDS
}
MATCHERS: Final = Sections("notify-matchers", "name", "notifications.cfg", f"POST {_NOTIFY}/matchers", "matcher")


def _endpoint(call: Call) -> Sections:
    return ENDPOINTS[call.method.template.split("/")[4]]


def _origin(name: str) -> str:
    return "builtin" if name in ("mail-to-root", "default-matcher") else "user-created"


@answers(*(f"GET {_NOTIFY}/endpoints/{kind}" for kind in _KINDS), f"GET {_NOTIFY}/matchers")
def list_notifications(call: Call) -> Answer:
    """Endpoints of one kind, or matchers."""
    kind = MATCHERS if call.method.template.endswith("matchers") else _endpoint(call)
    return [{**row, "origin": _origin(str(row["name"]))} for row in kind.rows(call)]


@answers(*(f"GET {_NOTIFY}/endpoints/{kind}/{{name}}" for kind in _KINDS), f"GET {_NOTIFY}/matchers/{{name}}")
def get_notification(call: Call) -> Answer:
    """One endpoint or matcher."""
    kind = _notification(call)
    if kind.ident(call) not in kind.all(call):
        raise ApiError(f"{kind.noun} '{kind.ident(call)}' not found")
    return kind.row(call, kind.ident(call))


def _notification(call: Call) -> Sections:
    return MATCHERS if "/matchers" in call.method.template else _endpoint(call)


@answers(*(f"POST {_NOTIFY}/endpoints/{kind}" for kind in _KINDS), f"POST {_NOTIFY}/matchers")
def add_notification(call: Call) -> Answer:
    """A new endpoint or matcher; names are unique over all kinds."""
    kind, name = _notification(call), call.params.text("name")
    if any(name in one.all(call) for one in (*ENDPOINTS.values(), MATCHERS)):
        raise ApiError(f"an entry with the name '{name}' already exists")
    if call.method.template.endswith("sendmail") and "mailto" not in call.params and "mailto-user" not in call.params:
        raise ApiError("must at least provide one recipient, either in mailto or in mailto-user")
    _check_targets(call)
    kind.add(call)
    return None


def _check_targets(call: Call) -> None:
    if not call.method.template.startswith(f"{_NOTIFY}/matchers"):
        return
    known = {name for one in ENDPOINTS.values() for name in one.all(call)}
    for target in call.params.words("target"):
        if target not in known:
            raise ApiError(f"could not notify, target '{target}' does not exist")


@answers(*(f"PUT {_NOTIFY}/endpoints/{kind}/{{name}}" for kind in _KINDS), f"PUT {_NOTIFY}/matchers/{{name}}")
def change_notification(call: Call) -> Answer:
    """Change an endpoint or matcher."""
    _check_targets(call)
    _notification(call).change(call)
    return None


@answers(*(f"DELETE {_NOTIFY}/endpoints/{kind}/{{name}}" for kind in _KINDS), f"DELETE {_NOTIFY}/matchers/{{name}}")
def delete_notification(call: Call) -> Answer:
    """Delete an endpoint that no matcher uses, or a matcher."""
    kind, name = _notification(call), call.params.text("name")
    users = [
        matcher for matcher, section in MATCHERS.all(call).items() if name in section.get("target", "").split("\0")
    ]
    if kind is not MATCHERS and users:
        raise ApiError(f"cannot delete '{name}', referenced by: {', '.join(users)}")
    kind.remove(call)
    return None


@answers(f"GET {_NOTIFY}/targets")
def list_targets(call: Call) -> Answer:
    """All endpoints that a matcher can name."""
    rows: list[Row] = []
    for word, kind in ENDPOINTS.items():
        for row in kind.rows(call):
            kept: Row = {key: row[key] for key in ("name", "comment", "disable") if key in row}
            rows.append({**kept, "type": word, "origin": _origin(str(row["name"]))})
    return rows


@answers(f"POST {_NOTIFY}/targets/{{name}}/test")
def test_target(call: Call) -> Answer:
    """Send a test message: only the local mail program is there."""
    name = call.params.text("name")
    if name in ENDPOINTS["sendmail"].all(call):
        return None
    if not any(name in kind.all(call) for kind in ENDPOINTS.values()):
        raise ApiError(f"could not notify, target '{name}' does not exist")
    raise ApiError(f"could not notify via target '{name}': could not send message: connection refused")


@answers(f"GET {_NOTIFY}/matcher-fields")
def list_fields(call: Call) -> Answer:
    """Fields a matcher can compare."""
    return [{"name": name} for name in ("type", "hostname", "job-id")]


@answers(f"GET {_NOTIFY}/matcher-field-values")
def list_field_values(call: Call) -> Answer:
    """Their known values."""
    types = ("vzdump", "package-updates", "replication", "fencing", "system-mail")
    rows: list[Row] = [{"field": "type", "value": value} for value in types]
    rows += [{"field": "hostname", "value": node} for node in call.cluster.nodes]
    rows += [{"field": "job-id", "value": job} for job in call.cluster.sections.get("backup", {})]
    return rows
