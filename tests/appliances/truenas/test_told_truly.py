"""What is told of the update check, of the way to the API, of DHCP, and of a network that does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliances.truenas.harness import box, calls_of, nas

every_release = pytest.mark.parametrize("persona", ["25.10", "26"])


@every_release
async def test_an_update_check_that_failed_is_not_called_no_update(persona: str, tmp_path: Path) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("update-error", reason="Network is unreachable")
        error = await made.fails("truenas_run_update")
        assert (error.code, error.executed) == ("unavailable", "no")
        assert "not known" in error.message
        assert "Network is unreachable" in error.message
        assert "No update" not in error.message
        assert "truenas_check_update" in str(error.next_step)
        assert calls_of(made, "update.run") == 0


async def test_a_connection_test_through_a_proxy_without_middleware_says_what_to_do(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        made.running.fault("upgrade-502", count=0)
        test = await made.call("truenas_connection_test")
        assert (test["reachable"], test["tls"], test.get("login")) == (True, True, None)
        assert test["problem"]
        assert "Try again in a minute" in str(test["next_step"])


async def test_static_addresses_stand_in_the_way_of_dhcp_until_they_are_given_up(tmp_path: Path) -> None:
    async with nas(tmp_path) as made:
        await made.call("truenas_update_interface", interface="eno2", addresses=["10.60.0.2/24"])
        error = await made.fails("truenas_update_interface", interface="eno2", dhcp=True)
        assert (error.code, error.executed) == ("invalid_argument", "no")
        assert "10.60.0.2/24" in error.message
        assert "addresses=[]" in str(error.next_step)
        done = await made.call("truenas_update_interface", interface="eno2", dhcp=True, addresses=[])
        assert done["outcome"] == "applied"
        assert done["after"]["dhcp"] is True  # type: ignore[index,call-overload]


async def test_time_spent_on_a_silent_address_counts_against_the_rollback_timer(tmp_path: Path) -> None:
    async with nas(tmp_path, settings="connect_timeout = 0.2") as made:
        moments: list[float] = []

        def heard(method: str, frame: dict[str, object]) -> None:
            if method == "interface.commit":
                made.rack.fault(made.running.name, "black-hole")
                moments.append(made.clock.now())

        box(made).box.on_answer = heard
        try:
            answer = await made.call(
                "truenas_update_interface", interface="eno1", addresses=["10.20.0.99/24"], rollback_s=30
            )
        finally:
            made.rack.heal(made.running.name)
        assert answer["outcome"] in ("unknown", "not_applied")
        assert "could not be reached" in str(answer["warnings"])
        looks = made.slept.count(2.0)
        assert 8 <= looks <= 14, looks


@every_release
async def test_a_call_that_has_less_time_than_the_rollback_timer_keeps_some_to_read_back(
    persona: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from holdfast.appliances.truenas import network

    async with nas(tmp_path, persona) as made:
        made.running.fault("new-address-dead")
        left = iter([40.0, 30.0, 21.0, 19.0])
        monkeypatch.setattr(network, "remaining_s", lambda: next(left))
        await made.call("truenas_update_interface", interface="eno1", addresses=["10.20.0.99/24"], rollback_s=120)
        assert next(left, None) is None
        assert [one for one in made.slept if one <= 2.0 and one > 0][:3] == [2.0, 2.0, 1.0]


@pytest.mark.parametrize("persona", ["25.10", "26"])
async def test_an_update_that_truenas_warns_of_is_installed_only_once_the_warnings_are_accepted(
    persona: str, tmp_path: Path
) -> None:
    async with nas(tmp_path, persona) as made:
        made.running.fault("reboot-required")
        warned = await made.call("truenas_run_update")
        assert warned["outcome"] == "not_applied"
        assert "A reboot is pending" in str(warned["warnings"])
        done = await made.call("truenas_run_update", in_spite_of_warnings=True)
        assert done["outcome"] == "applied"
