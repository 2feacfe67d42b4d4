"""Everything that is done as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc


class Work:
    """Creates jobs and does what they are for."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc

    def configure_boot(self, order: list[str]) -> str:
        """A staged job that changes the boot order; its location."""
        raise NotImplementedError
