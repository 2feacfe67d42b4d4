"""Sessions of clients, settings of the share services, and the parts of iSCSI."""

from __future__ import annotations

from tests.appliances.truenas.case import Case

READS: tuple[Case, ...] = ()
WRITES: tuple[Case, ...] = ()
