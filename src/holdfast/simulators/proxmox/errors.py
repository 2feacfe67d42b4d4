"""Errors that become answers on the wire (contract section 5)."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """An error of the API layer: status, text (also the reason phrase) and, for bad parameters, an `errors` map."""

    def __init__(self, text: str, status: int = 500, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.errors = dict(errors or {})


class EmptyError(Exception):
    """An error raised before the API layer: a status and a reason phrase, no body."""

    def __init__(self, status: int, reason: str, *, delay_s: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.delay_s = delay_s


class TaskError(Exception):
    """A worker's failure: its text is the task's exit status."""


class LockBusyError(Exception):
    """A guest's configuration is locked by a running worker; the call waits, ten seconds at most."""

    def __init__(self, vmid: int, path: str) -> None:
        super().__init__(path)
        self.vmid = vmid
        self.path = path


def bad_parameter(name: str, why: str) -> ApiError:
    """400 for one parameter."""
    return bad_parameters({name: why})


def bad_parameters(errors: Mapping[str, str]) -> ApiError:
    """400 with the map of what is wrong."""
    return ApiError("Parameter verification failed.", 400, errors)


def forbidden(what: str | None = None) -> ApiError:
    """403; `what` names path and privilege, or is absent for a rule of alternatives."""
    return ApiError(f"Permission check failed ({what})" if what else "Permission check failed", 403)
