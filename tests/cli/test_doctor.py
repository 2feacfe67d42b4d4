"""`holdfast doctor`, as a process of its own, against a rack of which one part is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_serve import SCRIPTS, rack_config, run

KINDS = ("pfsense", "truenas", "idrac", "proxmox")


async def doctor(config: Path, *arguments: str) -> tuple[int, str, str]:
    return await run(str(SCRIPTS / "holdfast"), "doctor", *arguments, "--config", str(config), limit_s=90)


async def test_every_target_that_answers_says_who_it_is_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with rack_config(tmp_path, *KINDS) as (rack, config):
        code, out, err = await doctor(config)
        assert code == 0, err
        assert "4 of 4 targets answered." in out
        for said in ("hostname gate", "hostname nas1", "service_tag 7HXQ4T2", "cluster rack"):
            assert said in out
        arrivals = rack["idrac"].state.arrivals
        assert sum(a.method == "DELETE" for a in arrivals) == sum(
            a.method == "POST" and a.path.endswith("/Sessions") for a in arrivals
        )
        for running in rack.values():
            assert not any(secret in out + err for secret in running.credentials.values() if len(secret) > 8)


async def test_a_wrong_password_is_told_with_what_to_do_and_the_others_answer(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "idrac", "pfsense") as (rack, config):
        right = rack["idrac"].credentials["password"]
        config.write_text(config.read_text().replace(right, "not-the-password"))
        code, out, _ = await doctor(config, "--json")
        assert code == 1
        found = {row["target"]: row for row in json.loads(out)}
        assert found["pfsense.pfsense"]["ok"]
        assert found["idrac.idrac"]["code"] == "authentication"
        assert found["idrac.idrac"]["next_step"]
        assert "not-the-password" not in out


async def test_an_untrusted_certificate_is_told_before_any_credential_is_sent(tmp_path: Path) -> None:
    async with rack_config(tmp_path, "proxmox") as (rack, config):
        rack.fault("proxmox", "bad-cert", certificate="self-signed")
        code, out, _ = await doctor(config, "proxmox")
        assert code == 1
        assert "FAILED  proxmox.proxmox" in out
        assert "holdfast trust" in out
        assert "0 of 1 targets answered." in out
        assert rack["proxmox"].state.arrivals == []


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("", (), "No target is configured."),
        ('[targets.pfsense.home]\nhost = "127.0.0.1"\napi_key = "x"', ("office",), "0 targets are called office."),
    ],
)
async def test_what_cannot_be_asked_ends_with_two_lines(
    tmp_path: Path, text: str, arguments: tuple[str, ...], said: str
) -> None:
    config = tmp_path / "holdfast.toml"
    config.write_text(text)
    code, out, err = await doctor(config, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
