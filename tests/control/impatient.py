"""`python -m tests.control.impatient …`: the command `holdfast …` in a process that soon believes that an earlier write
has not been carried out. How long it really waits is tested in virtual time, in `test_settling`.
"""

from __future__ import annotations

import sys

from holdfast.cli.main import main
from holdfast.control import settling

SOON_S = 0.5

if __name__ == "__main__":
    settling.MIN_AGE_S = SOON_S  # type: ignore[misc]  # a constant for all but this process
    sys.argv[0] = "holdfast"
    main()
