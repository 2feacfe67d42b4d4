"""Faults of the appliance that a test or an operator switches on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from holdfast.simulators.pfsense.answers import ApiError, WorkerDiedError, php_error

Option = str | int | float | bool


@dataclass
class Fault:
    """One fault: its options, and how many requests it still hits (0 in `times` means every one)."""

    name: str
    options: dict[str, Option]
    since: float
    left: int | None

    def number(self, key: str, default: float) -> float:
        """A numeric option."""
        value = self.options.get(key, default)
        return float(value) if isinstance(value, int | float) else default

    def text(self, key: str, default: str) -> str:
        """A text option."""
        value = self.options.get(key, default)
        return value if isinstance(value, str) else default


class Faults:
    """The faults that are on.

    Every fault takes `times` (hit this many requests, default all), `method` and `path` (hit only requests of this
    method, or whose path contains this text).
    """

    KNOWN: ClassVar[dict[str, str]] = {
        "after-commit": "the worker dies after a write took effect; how = reset | hang | 502 | 504 | php (500)",
        "apply-stuck": "reloads fail: pending changes never clear",
        "before-commit": "the worker dies before a write takes effect; how = reset | hang | 502 | 504",
        "config-locked": "a dead process left the write lock: every write ends in 503; immediate = do not wait 61 s",
        "deny-write": "every account is treated as deny-write: 200, and nothing is saved",
        "disabled": "the API is switched off: 503 ENDPOINT_REST_API_IS_NOT_ENABLED",
        "gateway-trouble": "monitors see loss (percent, default 100) and delay (ms) on a gateway (default all)",
        "html-error": "nginx answers; status = 500 | 502 | 503 | 504",
        "key-rejected": "credentials are refused: 401",
        "lockout": "the caller's address is blocked: connections are dropped",
        "login-page": "the web GUI's login page comes instead of the API",
        "lose-writes": "a concurrent writer wins: 200, and the change is not there",
        "package-missing": "the package is gone after an upgrade: every API URL is an nginx 404",
        "php-restart": "php-fpm restarts: 502 for seconds (default 5)",
        "queue-full": "the apply queue is full: 503 DISPATCHER_TOO_MANY_QUEUED_PROCESSES",
        "reboot": "the machine is away for seconds (default 90)",
        "service-slow": "a service that is started or restarted is up only after seconds (default 3)",
        "slow": "answers take seconds (default 5) of appliance time",
        "slow-apply": "apply jobs take seconds (default 60)",
        "unavailable": "the package is being replaced: 503 ENDPOINT_UNAVAILABLE",
        "write-lock": "another write holds the lock for seconds (default 10); immediate = do not wait 61 s",
    }

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._on: dict[str, Fault] = {}

    def set(self, name: str, **options: Option) -> None:
        """Switch a fault on; LookupError when there is none of this name."""
        if name not in self.KNOWN:
            raise LookupError(f"no fault {name!r}; there are {', '.join(sorted(self.KNOWN))}")
        times = options.get("times", 0)
        left = int(times) if isinstance(times, int | float) and times else None
        self._on[name] = Fault(name, dict(options), self._now(), left)

    def clear(self) -> None:
        """Switch all faults off."""
        self._on.clear()

    def look(self, name: str, method: str = "", path: str = "") -> Fault | None:
        """The fault if it is on and hits this request, without counting a hit."""
        fault = self._on.get(name)
        if fault is None or fault.left == 0:
            return None
        if method and str(fault.options.get("method", method)).upper() != method:
            return None
        if path and str(fault.options.get("path", "")) not in path:
            return None
        return fault

    def hit(self, name: str, method: str = "", path: str = "") -> Fault | None:
        """The fault if it is on and hits this request; counts a hit."""
        fault = self.look(name, method, path)
        if fault is not None and fault.left is not None:
            fault.left -= 1
        return fault

    def active(self, name: str) -> bool:
        """Whether the fault is on and hits the write at work; counts a hit."""
        return self.hit(name) is not None

    def die_at(self, point: str) -> None:
        """Raise WorkerDiedError when a fault kills workers at this point."""
        fault = self.hit(point)
        if fault is None:
            return
        how = fault.text("how", "reset")
        if how == "php":
            raise php_error("Call to a member function get_id() on null")
        raise WorkerDiedError(how)

    def within(self, name: str, default_s: float, method: str = "", path: str = "") -> bool:
        """Whether a fault that lasts some seconds is still on; it switches itself off when they have passed."""
        fault = self.look(name, method, path)
        if fault is None:
            return False
        if self._now() < fault.since + fault.number("seconds", default_s):
            return self.hit(name, method, path) is not None
        del self._on[name]
        return False

    def raise_gate(self, method: str, path: str) -> None:
        """Raise the error of a fault that ends a request before authentication."""
        if self.hit("unavailable", method, path):
            raise ApiError(503, "ENDPOINT_UNAVAILABLE", "The API is being replaced.")
        if self.hit("disabled", method, path):
            raise api_disabled()


def api_disabled() -> ApiError:
    """503 although permanent: an administrator switched the API off (contract §3.5)."""
    return ApiError(503, "ENDPOINT_REST_API_IS_NOT_ENABLED", "The REST API is switched off.", retry_after_s=5)
