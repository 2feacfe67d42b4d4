"""Which target a name means, and that every secret of a configuration is known."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import ValidationError

from holdfast.config import Config, Secret, ServerSettings, TargetSettings
from holdfast.errors import UnknownTargetError


class Toaster(TargetSettings):
    kind: ClassVar[str] = "toaster"
    password: Secret | None = None


class Kettle(TargetSettings):
    kind: ClassVar[str] = "kettle"


def target(name: str, password: str | None = None) -> Toaster:
    return Toaster.model_validate({"host": "h", "name": name, "password": password and Secret(password)})


LEFT, RIGHT, KETTLE = target("left", "C4nary-1"), target("right"), Kettle(host="h", name="left")


def test_a_name_means_the_target_of_that_name_and_kind() -> None:
    config = Config((LEFT, KETTLE, RIGHT))
    assert config.of_kind("toaster") == (LEFT, RIGHT)
    assert config.target("toaster", "right") is RIGHT
    assert config.target("toaster", "left") is LEFT
    assert config.target("kettle", "left") is KETTLE


def test_without_a_name_only_the_one_of_its_kind_is_meant() -> None:
    config = Config((LEFT, KETTLE))
    assert config.target("toaster", None) is LEFT
    with pytest.raises(UnknownTargetError, match="Which toaster target") as caught:
        Config((LEFT, RIGHT)).target("toaster", None)
    assert caught.value.next_step == "Give target as one of: left, right."


def test_a_name_that_there_is_not_means_no_target() -> None:
    for config, name, names in (
        (Config((LEFT,)), "right", "left"),
        (Config((KETTLE,)), "left", "none is configured"),
    ):
        with pytest.raises(UnknownTargetError, match="no toaster target of this name") as caught:
            config.target("toaster", name)
        assert caught.value.next_step == f"Targets of toaster: {names}."
    with pytest.raises(UnknownTargetError):
        Config(()).target("toaster", None)


def test_every_secret_of_the_configuration_is_known() -> None:
    first, second = Secret("C4nary-2"), Secret("C4nary-3")
    server = ServerSettings(token=first, tokens={"alice": second})
    assert Config((LEFT, RIGHT), server=server).secrets() == (first, second, Secret("C4nary-1"))
    assert Config((RIGHT,)).secrets() == ()


@pytest.mark.parametrize("path", ["/healthz", "/readyz/", "/metrics"])
def test_the_endpoint_takes_no_path_that_is_open_to_others(path: str) -> None:
    with pytest.raises(ValidationError, match="that path has another use"):
        ServerSettings(path=path)
    assert ServerSettings(path="/mcp" + path).path == "/mcp" + path
