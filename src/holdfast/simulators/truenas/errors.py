"""What the appliance's middleware raises, and how each error looks in a JSON-RPC frame (contract section 4)."""

from __future__ import annotations

from typing import Any, ClassVar

Json = Any
"""A JSON value: its shape is the vendor's models', checked against their schemas and not by types of ours."""

Row = dict[str, Any]
"""One JSON object of the appliance: its keys are the vendor's, and differ between releases."""

Problem = tuple[str | None, str, int]
"""Attribute path, message, errno: one entry of `data.extra` of a validation failure."""

EPERM, ENOENT, EAGAIN, EACCES, EFAULT, EBUSY, EEXIST, EINVAL, ENOSPC = 1, 2, 11, 13, 14, 16, 17, 22, 28
ENOMEM = 12
ENOTEMPTY, ENONET, EOPNOTSUPP, ETIMEDOUT, EHOSTUNREACH = 39, 64, 95, 110, 113
ENOMETHOD, ESERVICESTARTFAILURE, EDATASETISLOCKED, ENOTAUTHENTICATED, EREBOOTREQUIRED = 201, 202, 205, 207, 209
EZFS_BUSY, EZFS_EXISTS, EZFS_NOENT = 2010, 2008, 2009

ERRNO_NAMES: dict[int, str] = {
    1: "EPERM",
    2: "ENOENT",
    11: "EAGAIN",
    12: "ENOMEM",
    13: "EACCES",
    14: "EFAULT",
    16: "EBUSY",
    17: "EEXIST",
    22: "EINVAL",
    28: "ENOSPC",
    30: "EROFS",
    39: "ENOTEMPTY",
    64: "ENONET",
    95: "EOPNOTSUPP",
    103: "ECONNABORTED",
    109: "ETOOMANYREFS",
    110: "ETIMEDOUT",
    111: "ECONNREFUSED",
    113: "EHOSTUNREACH",
    201: "ENOMETHOD",
    202: "ESERVICESTARTFAILURE",
    203: "EALERTCHECKERUNAVAILABLE",
    204: "EREMOTENODEERROR",
    205: "EDATASETISLOCKED",
    206: "EINVALIDRRDTIMESTAMP",
    207: "ENOTAUTHENTICATED",
    208: "ESSLCERTVERIFICATIONERROR",
    209: "EREBOOTREQUIRED",
    210: "EHAUNAVAILABLE",
    2008: "EZFS_EXISTS",
    2009: "EZFS_NOENT",
    2010: "EZFS_BUSY",
}

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND = -32700, -32600, -32601
INVALID_PARAMS, INTERNAL_ERROR, TOO_MANY_CALLS, CALL_ERROR = -32602, -32603, -32000, -32001


def errname(errno: int) -> str:
    """The name the appliance gives this errno; EUNKNOWN when it has none."""
    return ERRNO_NAMES.get(errno, "EUNKNOWN")


class MiddlewareError(Exception):
    """Base of everything a method raises on purpose. `after_work`: the method had done its work by then."""

    code: ClassVar[int] = CALL_ERROR
    message: ClassVar[str] = "Method call error"
    job_type: ClassVar[str] = "CallError"
    after_work: bool = False

    def __init__(self, reason: str, errno: int = EFAULT, extra: object = None) -> None:
        super().__init__(reason)
        self.errno = errno
        self.extra = extra

    @property
    def reason(self) -> str:
        """The text of `data.reason`: the bracketed errno name, then the sentence."""
        return f"[{errname(self.errno)}] {self.args[0]}"


class CallError(MiddlewareError):
    """A hand-raised error: −32001 with any errno, EFAULT unless told otherwise."""


class InvalidValueError(MiddlewareError):
    """A plain Python exception inside the middleware: −32001, errno 22, the bare text as reason."""

    job_type = "ValueError"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, EINVAL)

    @property
    def reason(self) -> str:
        return str(self.args[0])


class MatchNotFoundError(InvalidValueError):
    """`get: true` found nothing."""

    job_type = "MatchNotFound"

    def __init__(self) -> None:
        super().__init__("MatchNotFound()")


class ValidationFailedError(MiddlewareError):
    """Refused values: −32602, errno 22, `extra` a list of triples."""

    code = INVALID_PARAMS
    message = "Invalid params"
    job_type = "VALIDATION"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("validation", EINVAL, [list(problem) for problem in problems])
        self.problems = problems

    @property
    def reason(self) -> str:
        return "".join(f"[{errname(errno)}] {path}: {text}\n" for path, text, errno in self.problems)


class InstanceNotFoundError(ValidationFailedError):
    """`get_instance`, `update` or `delete` of something that is not there: −32602 with errno 2 inside `extra`."""

    def __init__(self, text: str) -> None:
        super().__init__([(None, text, ENOENT)])

    @property
    def reason(self) -> str:
        return super().reason.rstrip("\n")


class UnknownMethodError(MiddlewareError):
    """−32601: no such method on this box."""

    code = METHOD_NOT_FOUND
    message = "Method does not exist"


def invalid(path: str | None, text: str, errno: int = EINVAL) -> ValidationFailedError:
    """A validation failure with one entry."""
    return ValidationFailedError([(path, text, errno)])


def error_body(error: MiddlewareError, *, frames: bool) -> Row:
    """The `error` member of a response; `frames` as releases up to 25.10 send them in the trace."""
    body: Row = {"code": error.code, "message": error.message}
    if error.code in (METHOD_NOT_FOUND, TOO_MANY_CALLS):
        return body
    name = type(error).__name__.removesuffix("Error") if not isinstance(error, CallError) else "CallError"
    trace: Row = {
        "class": {"ValidationFailed": "ValidationErrors"}.get(name, name),
        "formatted": f"Traceback (most recent call last):\n  in call_method\n{name}: {error.reason}",
        "repr": f"{name}({error.reason!r})",
    }
    if frames:
        trace["frames"] = [
            {
                "filename": "/usr/lib/python3/dist-packages/middlewared/main.py",
                "lineno": 1,
                "method": "call_method",
                "line": "result = await self._call(method)",
                "argspec": ["self"],
                "locals": {},
            }
        ]
    body["data"] = {
        "error": error.errno,
        "errname": errname(error.errno),
        "reason": error.reason,
        "trace": trace,
        "extra": error.extra,
    }
    return body
