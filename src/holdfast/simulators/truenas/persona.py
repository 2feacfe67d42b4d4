"""Releases the simulator can be, and how they differ outside the method tables (contract sections 1, 2, 7.2 and 16)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

_V2504 = ("v25.04.0", "v25.04.1", "v25.04.2")
_V2510 = ("v25.10.0", "v25.10.1", "v25.10.2", "v25.10.3", "v25.10.4", "v25.10.5")


@dataclass(frozen=True)
class Persona:
    """One release.

    Attributes:
        name: What `create(persona=…)` is called with; also the release of its newest method facts.
        version: `system.version_short`.
        train: Update train.
        codename: Product code name.
        api_versions: What `GET /api/versions` lists.
        idle_close_s: Seconds without a byte from the server after which the reverse proxy cuts the socket.
        trace_frames: Error traces carry `frames`.
        cancels_on_disconnect: A dropped socket cancels its coroutine calls.
        has_boot_id: `GET /api/boot_id` exists.
        has_message_ids: Jobs keep the ids of the requests that started them.
        has_scram: `auth.login_ex` takes SCRAM.
        has_rest: `/api/v2.0` still answers (it is not simulated; the path says so).
        tells_denied: A login without API privilege answers DENIED instead of AUTH_ERR.
    """

    name: str
    version: str
    train: str
    codename: str
    api_versions: tuple[str, ...]
    idle_close_s: float
    trace_frames: bool
    cancels_on_disconnect: bool
    has_boot_id: bool
    has_message_ids: bool
    has_scram: bool
    has_rest: bool
    tells_denied: bool

    @property
    def release(self) -> tuple[int, int]:
        """Comparable release number: (25, 4), (25, 10), (26, 0), (27, 0)."""
        return release_of(self.name)


@cache
def release_of(name: str) -> tuple[int, int]:
    """(25, 10) of "25.10", "v25.10.3" or "26"."""
    parts = name.removeprefix("v").split(".")
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else 0


def _persona(name: str, version: str, codename: str, api_versions: tuple[str, ...]) -> Persona:
    release = release_of(name)
    return Persona(
        name=name,
        version=version,
        train=f"TrueNAS-SCALE-{codename}",
        codename=codename,
        api_versions=api_versions,
        idle_close_s=60.0 if release < (26, 0) else 3600.0,
        trace_frames=release < (26, 0),
        cancels_on_disconnect=release >= (26, 0),
        has_boot_id=release >= (25, 10),
        has_message_ids=release >= (25, 10),
        has_scram=release >= (26, 0),
        has_rest=release < (26, 0),
        tells_denied=release >= (26, 0),
    )


PERSONAS: dict[str, Persona] = {
    persona.name: persona
    for persona in (
        _persona("25.04", "25.04.2.6", "Fangtooth", _V2504),
        _persona("25.10", "25.10.7", "Goldeye", (*_V2504, *_V2510)),
        _persona("26", "26.0.0-BETA.3", "Halfmoon", (*_V2504, *_V2510, "v26.0.0")),
        _persona("27", "27.0.0-MASTER", "Indri", (*_V2504, *_V2510, "v26.0.0", "v27.0.0")),
    )
}
DEFAULT_PERSONA = "25.10"


@dataclass
class Timing:
    """How long simulated work takes, in simulated seconds; short, so that demonstrations and tests need not wait.
    Delays that a client has to live with are those of a real box.

    Attributes:
        job_step_s: One step of an ordinary job.
        abort_s: From the abort of a running job to its end.
        scrub_s: A whole scrub or resilver.
        failed_login_s: Shortest and longest delay before a refused login is answered (contract section 5.2).
        failed_login_stig_s: The same at level 2.
        rate_limited_s: The same before a rate-limited call is answered (contract section 6).
        boot_s: From a reboot to READY.
        restart_s: How long the middleware is away when it restarts.
        download_window_s: An unbuffered download must begin within this time (contract section 10).
        buffered_window_s: A buffered one within this.
    """

    job_step_s: float = 0.02
    abort_s: float = 0.0
    scrub_s: float = 1.0
    failed_login_s: tuple[float, float] = (1.0, 2.0)
    failed_login_stig_s: tuple[float, float] = (4.0, 5.0)
    rate_limited_s: tuple[float, float] = (1.0, 10.0)
    boot_s: float = 1.0
    restart_s: float = 0.2
    download_window_s: float = 60.0
    buffered_window_s: float = 3600.0
