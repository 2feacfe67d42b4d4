"""The `holdfast` command.

`serve` is dispatched before anything else is imported: hosts start it for every conversation, and it must start fast.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `holdfast` console script."""
    if sys.argv[1:2] == ["serve"]:
        from holdfast.cli import serve

        serve.main(sys.argv[2:])
    else:
        from holdfast.cli import commands

        commands.run()


if __name__ == "__main__":
    main()
