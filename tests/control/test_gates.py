"""What is listed, and what a call must pass before its tool is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.control.answers import Answer
from holdfast.control.context import Context
from holdfast.control.inventory import Catalogue, Entry, Selection, ToolsetInfo, catalogue_of, select
from holdfast.control.spec import Risk, Toolset, tool
from holdfast.errors import ConfigError, ReadOnlyError, UnknownTargetError, UnknownToolError
from tests.support.rooms import room


def entry(
    name: str, toolset: str = "core", *, risk: Risk = Risk.READ, command: bool = False, default: bool = True
) -> Entry:
    kind = name.partition("_")[0] if "_" in name and not name.startswith("circuits") else "estate"
    return Entry(name, kind, toolset, default, risk, command, "none", name, name, {}, {}, {})


READ = entry("proxmox_read")
WRITE = entry("proxmox_write", risk=Risk.WRITE)
DESTROY = entry("proxmox_destroy", risk=Risk.DESTRUCTIVE)
EXTRA = entry("proxmox_extra", "more", default=False)
EXEC = entry("proxmox_exec", "command", risk=Risk.DESTRUCTIVE, command=True, default=False)
OTHER = entry("pfsense_read")
OTHER_WRITE = entry("pfsense_write", risk=Risk.WRITE)
ESTATE = entry("circuits_list", "circuits")
ESTATE_WRITE = entry("circuits_reset", "circuits", risk=Risk.WRITE)
DEFAULT_EXEC = entry("pfsense_exec", "shell", risk=Risk.WRITE, command=True, default=True)
ALL = Catalogue(
    tuple(
        ToolsetInfo(kind, name, name, default)
        for kind, name, default in (
            ("proxmox", "core", True),
            ("proxmox", "more", False),
            ("proxmox", "command", False),
            ("pfsense", "core", True),
            ("pfsense", "shell", True),
            ("estate", "circuits", True),
        )
    ),
    (READ, WRITE, DESTROY, EXTRA, EXEC, OTHER, OTHER_WRITE, DEFAULT_EXEC, ESTATE, ESTATE_WRITE),
)
BOTH = frozenset({"proxmox", "pfsense"})


def names(**selection: object) -> set[str]:
    chosen = Selection(kinds=BOTH, **selection)  # type: ignore[arg-type]
    return {found.name for found in select(ALL, chosen)}


def test_without_a_target_to_operate_only_reads_are_listed() -> None:
    assert names() == {"proxmox_read", "pfsense_read", "circuits_list", "circuits_reset"}


def test_writes_are_listed_for_the_kinds_that_are_operated_only() -> None:
    assert names(operate_kinds=frozenset({"proxmox"})) == names() | {"proxmox_write", "proxmox_destroy"}


def test_read_only_wins_over_everything_else() -> None:
    chosen = names(operate_kinds=BOTH, read_only=True, toolsets=("all", "command"), allow=("*",))
    assert chosen == (names() - {"circuits_reset"}) | {"proxmox_extra"}


def test_a_kind_that_is_not_served_is_not_listed() -> None:
    found = select(ALL, Selection(kinds=frozenset({"pfsense"}), operate_kinds=BOTH))
    assert {one.name for one in found} == {"pfsense_read", "pfsense_write", "circuits_list", "circuits_reset"}


def test_further_toolsets_are_listed_when_named_with_or_without_their_kind() -> None:
    assert "proxmox_extra" not in names()
    for named in ("more", "proxmox:more", "all"):
        assert "proxmox_extra" in names(toolsets=(named,))


def test_tools_that_run_commands_are_listed_only_when_their_toolset_is_named() -> None:
    assert "proxmox_exec" not in names(operate_kinds=BOTH, toolsets=("all",))
    assert "proxmox_exec" in names(operate_kinds=BOTH, toolsets=("command",))
    assert "proxmox_exec" not in names(toolsets=("command",))
    assert "pfsense_exec" not in names(operate_kinds=BOTH, toolsets=("all",))
    assert "pfsense_exec" in names(operate_kinds=BOTH, toolsets=("pfsense:shell",))


def test_denied_tools_are_never_listed_and_an_allow_list_excludes_the_others() -> None:
    assert names(deny=("proxmox_*", "*_reset")) == {"pfsense_read", "circuits_list"}
    assert names(allow=("proxmox_r*",)) == {"proxmox_read"}
    assert names(allow=("*",), deny=("*_read",)) == {"circuits_list", "circuits_reset"}


def test_a_second_list_can_only_narrow_the_first() -> None:
    assert names(narrow=("proxmox_*",)) == {"proxmox_read"}
    assert names(allow=("*_read",), narrow=("p*",), deny=("pfsense_*",)) == {"proxmox_read"}
    assert names(allow=("proxmox_read",), narrow=("pfsense_read",)) == set()


@pytest.mark.parametrize(
    "selection", [{"toolsets": ("mroe",)}, {"allow": ("nothing_*",)}, {"deny": ("nothing",)}, {"narrow": ("nothing",)}]
)
def test_a_name_that_matches_nothing_is_refused_at_the_start(selection: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        names(**selection)


@tool(title="Look", toolset="doors")
async def proxmox_look(ctx: Context[object]) -> Answer:
    """Look at a door."""
    return Answer()


def test_the_catalogue_of_a_room_has_its_tools_as_they_are_declared() -> None:
    made = catalogue_of("proxmox", [Toolset("doors", proxmox_look.module, "Doors.", default=True)])
    assert made["toolsets"] == [{"name": "doors", "description": "Doors.", "default": True}]
    tools = made["tools"]
    assert isinstance(tools, list)
    assert [found["name"] for found in tools if isinstance(found, dict)] == ["proxmox_look"]


def test_a_tool_that_stands_in_the_module_of_another_toolset_is_refused() -> None:
    with pytest.raises(ValueError, match="declares toolset doors but stands in"):
        catalogue_of("proxmox", [Toolset("windows", proxmox_look.module, "Windows.")])


async def test_only_listed_tools_can_be_called(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path, control='deny_tools = ["proxmox_system_info"]') as pve:
        error = await pve.fails("proxmox_system_info")
        assert isinstance(error, UnknownToolError)
        assert pve.arrivals == []


async def test_a_read_only_target_is_not_written_even_where_another_of_its_kind_is_operated(tmp_path: Path) -> None:
    more = '\n[targets.proxmox.spare]\nhost = "127.0.0.1"\nport = 1\ntoken_id = "a@pve!bb"\ntoken_secret = "x"\n'
    async with room("proxmox", tmp_path, settings=more) as pve:
        error = await pve.fails("proxmox_start_guest", guest="web", target="spare")
        assert isinstance(error, ReadOnlyError)
        assert "Nothing was executed" in error.message
        assert isinstance(await pve.fails("proxmox_start_guest", guest="web"), UnknownTargetError)
        assert pve.arrivals == []


async def test_counts_of_calls_are_kept_by_tool_and_outcome(tmp_path: Path) -> None:
    async with room("proxmox", tmp_path) as pve:
        await pve.call("proxmox_system_info")
        await pve.fails("proxmox_system_info", bogus=1)
        await pve.fails("no_such_tool")
        assert pve.application.dispatcher.counts == {
            ("proxmox_system_info", "ok"): 1,
            ("proxmox_system_info", "invalid_argument"): 1,
            ("unknown", "unknown_tool"): 1,
        }
