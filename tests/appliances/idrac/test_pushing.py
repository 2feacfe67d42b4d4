"""How an image of the operator's folder gets to the iDRAC: which way, held to what was planned, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdfast.appliances.idrac import pushing
from holdfast.appliances.idrac.changes import Ctx, Send
from holdfast.appliances.idrac.client import Answered, IDracClient
from holdfast.appliances.idrac.updating import change_firmware, update_service
from holdfast.control.answers import JsonObject
from holdfast.control.caller import Question, Reply
from holdfast.control.change import Change
from holdfast.errors import InputError, RefusedError
from tests.appliances.idrac.table import FILE
from tests.appliances.idrac.test_writes import lab_room, sent
from tests.support.rooms import Room

UPLOAD = "idrac_upload_firmware"
INVENTORY = "POST /redfish/v1/UpdateService/FirmwareInventory"


async def image(folder: Path, most: int | None) -> pushing.Image:
    client = cast("IDracClient", SimpleNamespace(settings=SimpleNamespace(firmware_dir=folder)))
    return await pushing.image_of(client, FILE, most)


async def test_an_image_is_taken_up_to_the_size_that_the_idrac_takes_and_never_empty(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"MZ" + bytes(98))
    for most in (100, None, 0, 2**40):
        assert (await image(tmp_path, most)).size == 100
    with pytest.raises(InputError):
        await image(tmp_path, 99)
    (tmp_path / FILE).write_bytes(b"")
    with pytest.raises(RefusedError, match=r"The file is empty\. Nothing was executed\."):
        await image(tmp_path, None)


def offers(monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object]) -> None:
    """Make the UpdateService offer something else than the simulator's generations do."""

    async def changed(client: IDracClient) -> JsonObject:
        service = json.loads(json.dumps(await update_service(client)))
        change(service)
        return cast("JsonObject", service)

    monkeypatch.setattr(pushing, "update_service", changed)


async def test_an_idrac_that_takes_multipart_gets_the_image_and_its_time_in_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers(monkeypatch, lambda service: service.pop("HttpPushUri", None))
    async with lab_room(tmp_path, "9") as lab:
        answer = await lab.call(UPLOAD, file=FILE)
        assert answer["outcome"] in ("started", "applied"), answer
        assert sent(lab) == ["POST /redfish/v1/UpdateService/MultipartUpload"]


async def test_an_idrac_of_before_stores_the_image_and_installs_it_by_dells_action(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "8") as lab:
        answer = await lab.call(UPLOAD, file=FILE)
        assert answer["outcome"] in ("started", "applied"), answer
        store, install = sent(lab)
        assert store == INVENTORY
        assert install.endswith("DellUpdateService.Install")
        assert body_of(lab)["InstallUpon"] == "NextReboot"


async def test_one_without_dells_action_installs_what_it_stored_by_simple_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers(monkeypatch, lambda service: service["Actions"].pop("Oem"))
    async with lab_room(tmp_path, "8") as lab:
        assert (await lab.call(UPLOAD, file=FILE))["outcome"] in ("started", "applied")
        store, install = sent(lab)
        assert store == INVENTORY
        assert install.endswith("UpdateService.SimpleUpdate")
        assert "Available-" in str(body_of(lab)["ImageURI"])


async def test_an_idrac_that_takes_no_files_is_told_with_the_other_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers(monkeypatch, lambda service: (service.pop("HttpPushUri", None), service.pop("MultipartHttpPushUri", None)))
    async with lab_room(tmp_path, "9") as lab:
        error = await lab.fails(UPLOAD, file=FILE)
        assert error.code == "unsupported"
        assert "idrac_update_firmware" in error.message
        assert sent(lab) == []


async def test_a_file_that_changes_while_the_person_is_asked_is_not_sent(tmp_path: Path) -> None:
    async with lab_room(tmp_path, "9") as lab:

        async def swap(question: Question) -> Reply:
            (tmp_path / "firmware_dir" / FILE).write_bytes(b"MZ something else")
            return Reply.ACCEPTED

        lab.ask = swap
        error = await lab.fails(UPLOAD, file=FILE, when="Immediate")
        assert error.code == "plan_refused"
        assert sent(lab) == []


async def test_a_file_that_changes_at_the_last_moment_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(ctx: Ctx, send: Send, content: JsonObject, **options: Any) -> Change:
        async def swapped() -> Answered:
            (tmp_path / "firmware_dir" / FILE).write_bytes(b"MZ something else")
            return await send()

        return await change_firmware(ctx, swapped, content, **options)

    monkeypatch.setattr(pushing, "change_firmware", late)
    async with lab_room(tmp_path, "9") as lab:
        error = await lab.fails(UPLOAD, file=FILE)
        assert error.code == "refused"
        assert "has changed since the plan was made. Nothing was executed." in error.message
        assert sent(lab) == []


async def test_an_image_that_is_stored_nobody_says_where_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = IDracClient.upload

    async def upload(self: IDracClient, *arguments: Any, **options: Any) -> Answered:
        return replace(await real(self, *arguments, **options), location=None)

    monkeypatch.setattr(IDracClient, "upload", upload)
    async with lab_room(tmp_path, "8") as lab:
        answer = await lab.call(UPLOAD, file=FILE)
        assert answer["outcome"] == "not_applied"
        assert "Stored on the iDRAC and not installed" in str(answer["warnings"])
        assert sent(lab) == [INVENTORY]


def body_of(lab: Room) -> dict[str, Any]:
    """The body of the last write."""
    return cast("dict[str, Any]", json.loads(lab.writes()[-1].body))
