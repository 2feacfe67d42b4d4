"""Secrets that TrueNAS tells once: written to a file of the operator's folder, never into an answer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from holdfast.control.filenames import file_stem
from holdfast.errors import ConfigError, Executed, RefusedError

_LOST: Final = "Its secret was lost with the answer of TrueNAS: delete the key and make another."


class SecretFile:
    """A new file for one secret. It is opened before anything is sent, so that a folder that cannot be written to costs
    no key.

    Args:
        folder: The operator's folder for secrets.
        name: Of what the secret belongs to; the file gets its name from it.

    Raises:
        RefusedError: There is no such folder, or the file exists. Nothing was executed.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        if folder is None or not folder.is_dir():
            raise RefusedError(
                "There is no folder for new API keys. Nothing was executed.",
                next_step="The operator sets secrets_dir of the target to a folder that only the server may read.",
            )
        self.place = folder / f"{file_stem(name)}.key"
        if self.place.exists():
            raise RefusedError(
                f"{self.place.name} exists already in the folder for secrets. Nothing was executed.",
                next_step="The operator moves it away, or choose another name.",
            )
        self.written = False
        self._descriptor: int | None = None

    @property
    def note(self) -> str | None:
        """What there is to say when the secret is not in the file although it exists."""
        return None if self.written else _LOST

    def open(self) -> None:
        """Make the file, readable by its owner only.

        Raises:
            ConfigError: It cannot be made. Nothing was executed.
        """
        try:
            self._descriptor = os.open(self.place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(
                f"The folder for secrets cannot be written to: {error.strerror}. Nothing was executed.",
                next_step="The operator looks after secrets_dir of the target.",
                executed=Executed.NO,
            ) from None

    def write(self, secret: str) -> str | None:
        """Put the secret into the open file; what went wrong, for people."""
        assert self._descriptor is not None
        try:
            os.write(self._descriptor, secret.encode() + b"\n")
            os.fsync(self._descriptor)
        except OSError as error:
            return f"The secret could not be written ({error.strerror}): delete the key and make another."
        self.written = True
        return None

    def close(self) -> None:
        """Close the file; without a secret in it, it goes."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            if not self.written:
                self.place.unlink(missing_ok=True)
