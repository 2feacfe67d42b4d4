"""The figures that the security proofs of this room hold; documents cite them from here.

`PROMISED` are the sizes of the cases and the bounds; each test asserts that it covers as many as are named here. What
was measured in a run is recorded with `record` and printed at the end of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

PREFIX: Final = "proof:"
Recorder = Callable[[str, object], None]

PROMISED: Final = {
    "redirect_variants": 30,
    "redirects_followed": 0,
    "redirect_credential_bytes_at_second_host": 0,
    "bad_certificates": 8,
    "bad_certificate_credential_bytes": 0,
    "broken_replies": 24,
    "drip_patterns": 20,
    "drip_overrun_s_max": 0.1,
    "bombs": 8,
    "bomb_memory_growth_mib_max": 64,
    "hostile_identifiers": 60,
    "hostile_identifiers_leaving_their_segment": 0,
    "hostile_links": 40,
    "write_arrivals_on_dead_connection_max": 1,
}


def record(recorder: Recorder, name: str, value: float) -> None:
    """Record a figure of this run: `recorder` is pytest's `record_property`."""
    recorder(PREFIX + name, value)


class Stopwatch:
    """Seconds of the loop's clock since it was made, without those in which the machine ran something else instead.

    A bound in time is about the code; on a machine that is busy with other work the process waits for a processor.
    """

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._waited = _waited_for_processor_s()

    def elapsed_s(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._started - (_waited_for_processor_s() - self._waited)


def _waited_for_processor_s() -> float:
    """How long this process's main thread has been ready to run without running; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
