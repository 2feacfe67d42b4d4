"""The configuration as a file: asked for as a download, checked, and only then given its name (contract 10, 15.14)."""

from __future__ import annotations

import asyncio
import hashlib
import tarfile
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from holdfast.appliances.truenas.jobs import wait_for
from holdfast.appliances.truenas.writes import Ctx
from holdfast.control.answers import JsonObject
from holdfast.control.change import Applied, Change, Observed
from holdfast.errors import (
    ApplianceFaultError,
    ConfigError,
    Executed,
    HoldfastError,
    NotFoundError,
    ProtocolError,
    RefusedError,
)
from holdfast.transport.values import JsonValue, as_int, as_list, as_str

MAX_BYTES: Final = 256 * 1024 * 1024
"""A configuration has a few MB; what is larger is something else."""
SQLITE_MAGIC: Final = b"SQLite format 3\x00"
SQLITE_HEADER_BYTES: Final = 100
DATABASE: Final = "freenas-v1.db"
_JOB_WAIT_S: Final = 10.0


def backup_folder(folder: Path | None) -> Path:
    """The folder for saved configurations.

    Raises:
        RefusedError: There is none. Nothing was executed.
    """
    if folder is None or not folder.is_dir():
        raise RefusedError(
            "There is no folder for saved configurations. Nothing was executed.",
            next_step="The operator sets backup_dir of the target to a folder that only the server may read.",
        )
    return folder


async def plan_save(ctx: Ctx, *, secrets: bool) -> Change:
    """The change that leaves a configuration file in the operator's folder."""
    settings = ctx.client.settings
    saving = _Saving(ctx, backup_folder(settings.backup_dir), secrets=secrets)
    return Change(
        summary=f"Save the configuration of {settings.name} to a file{', with its secrets' if secrets else ''}",
        identity=await ctx.client.identity(),
        before={},
        after={"kind": "tar" if secrets else "database", "secrets": secrets},
        content={"method": "core.download", "params": ["config.save", [saving.options]]},
        apply=saving.apply,
        read_back=saving.read_back,
        cannot_undo="It changes nothing on TrueNAS; the file is the operator's.",
        warnings=["Whoever has the file can read every stored password and key."] if secrets else [],
        destructive=secrets,
    )


@dataclass(frozen=True)
class _File:
    """A saved configuration: where it lies, its size and its SHA-256."""

    place: Path
    size: int
    digest: str


class _Saving:
    """One configuration on its way into the folder."""

    def __init__(self, ctx: Ctx, folder: Path, *, secrets: bool) -> None:
        self._ctx = ctx
        self._folder = folder
        self._secrets = secrets
        self._saved: _File | None = None
        self.options: JsonObject = {"secretseed": secrets, "root_authorized_keys": secrets}

    async def apply(self) -> Applied:
        client = self._ctx.client
        kind = "tar" if self._secrets else "db"
        number, link = _offer(
            await client.write("core.download", "config.save", [self.options], f"config.{kind}", False)
        )
        unchecked = self._folder / f".{uuid.uuid4().hex}.unchecked"
        try:
            await client.downloads.to_file(link, unchecked, max_bytes=MAX_BYTES)
            await self._check_job(number)
            moment = datetime.fromtimestamp(self._ctx.now(), tz=UTC)
            name = f"{client.settings.name}-{moment:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:4]}.{kind}"
            size, digest = await asyncio.to_thread(_checked, unchecked, secrets=self._secrets)
            place = self._folder / name
            unchecked.rename(place)
            self._saved = _File(place, size, digest)
        except OSError as error:
            raise ConfigError(
                f"The configuration could not be written to the folder for them: {error.strerror}.",
                next_step="The operator looks after backup_dir of the target.",
            ) from None
        finally:
            unchecked.unlink(missing_ok=True)
        return Applied(details={"file": name, "bytes": size, "sha256": digest, "job": number})

    async def _check_job(self, number: int) -> None:
        try:
            job = await wait_for(self._ctx.client, number, limit_s=_JOB_WAIT_S, sleep=self._ctx.sleep)
        except NotFoundError:
            return  # it is not shown to this account; the file itself is checked
        if job.state != "SUCCESS":
            raise ApplianceFaultError(
                f"TrueNAS did not finish the configuration file ({job.state}: {job.error or 'no reason given'}).",
                executed=Executed.NO,
            )

    async def read_back(self) -> Observed:
        saved = self._saved
        if saved is None:
            return Observed("not_applied", {}, note="No file was written; TrueNAS is as it was.")
        if not saved.place.is_file() or saved.place.stat().st_size != saved.size:
            return Observed("not_applied", {}, note="The file is not there.")
        return Observed("applied", {"file": saved.place.name, "bytes": saved.size, "sha256": saved.digest})


def _offer(answer: JsonValue) -> tuple[int, str]:
    """The job and the link in an answer of `core.download`.

    Raises:
        ProtocolError: It is none.
    """
    parts = as_list(answer, "core.download")
    if len(parts) != 2:
        raise ProtocolError("TrueNAS's answer to core.download is not a job and a link.")
    return as_int(parts[0], "core.download[0]"), as_str(parts[1], "core.download[1]")


def _checked(place: Path, *, secrets: bool) -> tuple[int, str]:
    """Size and SHA-256 of a file that is a configuration.

    Raises:
        HoldfastError: It is none, or a part of one.
    """
    whole = _is_archive(place) if secrets else _is_database(place)
    if not whole:
        raise HoldfastError(
            "What TrueNAS sent is not a whole configuration file; it was not kept.",
            executed=Executed.NO,
            next_step="Repeat.",
        )
    with place.open("rb") as file:
        return place.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _is_database(place: Path) -> bool:
    """Whether it is a whole SQLite file: its header, and as many pages as that says (SQLite file format 1.3)."""
    with place.open("rb") as file:
        header = file.read(SQLITE_HEADER_BYTES)
    if len(header) < SQLITE_HEADER_BYTES or not header.startswith(SQLITE_MAGIC):
        return False
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    size = place.stat().st_size
    return size == (65536 if page == 1 else page) * pages


def _is_archive(place: Path) -> bool:
    """Whether it is a whole archive with the database in it."""
    try:
        with tarfile.open(place, "r:*") as archive:
            return DATABASE in [member.name.removeprefix("./") for member in archive]
    except (tarfile.TarError, EOFError):
        return False
