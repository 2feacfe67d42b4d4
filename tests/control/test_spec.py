"""What is declared about a tool, from which it is decided who may call it and what a client is told."""

from __future__ import annotations

from types import ModuleType

import pytest

from holdfast.control.spec import Risk, ToolSpec, tool, tools_in


def declared(risk: Risk = Risk.READ, idempotent: bool | None = None, name: str = "proxmox_do") -> ToolSpec:
    async def function(ctx: object) -> None:
        """Does it.

        And then some.
        """

    function.__name__ = name
    return tool(title="Do", toolset="guests", risk=risk, idempotent=idempotent)(function)


@pytest.mark.parametrize(
    ("risk", "writes", "only_reads", "destroys"),
    [(Risk.READ, False, True, False), (Risk.WRITE, True, False, False), (Risk.DESTRUCTIVE, True, False, True)],
)
def test_what_a_call_can_do_is_told_by_its_risk_alone(
    risk: Risk, writes: bool, only_reads: bool, destroys: bool
) -> None:
    spec = declared(risk, idempotent=False)
    assert spec.writes is writes
    assert spec.hints == {
        "readOnlyHint": only_reads,
        "destructiveHint": destroys,
        "idempotentHint": False,
        "openWorldHint": False,
    }


@pytest.mark.parametrize("risk", [Risk.WRITE, Risk.DESTRUCTIVE])
def test_of_a_tool_that_writes_it_must_be_stated_whether_it_may_be_repeated(risk: Risk) -> None:
    with pytest.raises(TypeError, match="idempotent"):
        declared(risk)
    assert declared(risk, idempotent=True).idempotent is True
    assert declared(risk, idempotent=False).idempotent is False


def test_a_read_may_be_repeated_unless_it_says_otherwise() -> None:
    assert declared().idempotent is True
    assert declared(idempotent=False).idempotent is False


@pytest.mark.parametrize("kind", ["pfsense", "truenas", "idrac", "proxmox"])
def test_a_tool_belongs_to_the_kind_of_appliance_that_its_name_begins_with(kind: str) -> None:
    assert declared(name=f"{kind}_do").kind == kind


@pytest.mark.parametrize("name", ["estate_do", "do", "proxmoxer_do", "do_proxmox"])
def test_every_other_tool_is_one_across_appliances(name: str) -> None:
    assert declared(name=name).kind == "estate"


def test_a_tool_is_described_by_its_docstring_as_one_paragraph() -> None:
    assert declared().description == "Does it. And then some."

    async def silent(ctx: object) -> None: ...

    assert tool(title="Silent", toolset="guests")(silent).description == ""


def test_a_tool_that_cannot_be_awaited_is_refused() -> None:
    def blocking(ctx: object) -> None: ...

    with pytest.raises(TypeError, match="blocking must be an async function"):
        tool(title="Block", toolset="guests")(blocking)  # type: ignore[arg-type]  # what a mistake would pass


def test_the_tools_of_a_module_are_those_that_it_defines_in_their_order() -> None:
    module, other = ModuleType("room.tools"), ModuleType("room.others")

    def placed(name: str, where: ModuleType) -> ToolSpec:
        spec = declared(name=name)
        spec.function.__module__ = where.__name__
        return spec

    second, first = placed("proxmox_b", module), placed("proxmox_a", module)
    vars(module).update(limit=5, b=second, a=first, imported=placed("proxmox_c", other))
    assert tools_in(module) == [second, first]
