"""What a tool is: a typed async function and what is declared about it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, get_type_hints

if TYPE_CHECKING:
    from pydantic import BaseModel


class Risk(StrEnum):
    """What a call can do to an appliance."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


ToolFunction = Callable[..., Awaitable[object]]


@dataclass(frozen=True)
class ToolSpec:
    """A tool: the function and its declaration.

    Attributes:
        function: `async def NAME(ctx, *, argument: Annotated[type, Field(description=…)], …) -> AnswerModel | Change`.
        title: For people, a few words.
        toolset: Group that is enabled and disabled as one.
        risk: What a call can do.
        idempotent: Whether a second identical call changes nothing more. Always true for reads.
        open_world: Whether the call reaches beyond the configured appliances (a download from a URL, say).
        command: Whether the tool runs commands; such tools are listed only when their toolset is named.
        fleet: Whether the tool chooses among several targets itself; it then has no `target` argument.
        time_limit_s: Longest time of a call in seconds; None takes the target's `total_timeout`.
    """

    function: ToolFunction
    title: str
    toolset: str
    risk: Risk = Risk.READ
    idempotent: bool = True
    open_world: bool = False
    command: bool = False
    fleet: bool = False
    time_limit_s: float | None = None
    _cache: dict[str, type[BaseModel]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The function's name, which is the tool's."""
        return self.function.__name__

    @property
    def module(self) -> str:
        """Dotted name of the module that holds the function."""
        return self.function.__module__

    @property
    def kind(self) -> str:
        """Kind of appliance, or "estate" for tools across appliances."""
        prefix = self.name.partition("_")[0]
        return prefix if prefix in ("pfsense", "truenas", "idrac", "proxmox") else "estate"

    @property
    def writes(self) -> bool:
        """Whether the tool can change anything."""
        return self.risk is not Risk.READ

    @cached_property
    def description(self) -> str:
        """The function's docstring as one paragraph."""
        return " ".join(inspect.cleandoc(self.function.__doc__ or "").split())

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's signature with its annotations resolved."""
        hints = get_type_hints(self.function, include_extras=True)
        plain = inspect.signature(self.function)
        parameters = [p.replace(annotation=hints.get(p.name, p.annotation)) for p in plain.parameters.values()]
        return plain.replace(parameters=parameters, return_annotation=hints.get("return"))

    @property
    def hints(self) -> dict[str, bool]:
        """The four MCP annotations, all explicit."""
        return {
            "readOnlyHint": self.risk is Risk.READ,
            "destructiveHint": self.risk is Risk.DESTRUCTIVE,
            "idempotentHint": self.idempotent,
            "openWorldHint": self.open_world,
        }


def tool(
    *,
    title: str,
    toolset: str,
    risk: Risk = Risk.READ,
    idempotent: bool | None = None,
    open_world: bool = False,
    command: bool = False,
    fleet: bool = False,
    time_limit_s: float | None = None,
) -> Callable[[ToolFunction], ToolSpec]:
    """Declare the decorated async function a tool; the module attribute becomes the `ToolSpec`.

    `idempotent` may be left out for reads and must be stated for everything else.
    """
    if idempotent is None:
        if risk is not Risk.READ:
            raise TypeError("state idempotent=True or idempotent=False for a tool that writes")
        idempotent = True

    def declare(function: ToolFunction) -> ToolSpec:
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"the tool {function.__name__} must be an async function")
        return ToolSpec(
            function=function,
            title=title,
            toolset=toolset,
            risk=risk,
            idempotent=idempotent,
            open_world=open_world,
            command=command,
            fleet=fleet,
            time_limit_s=time_limit_s,
        )

    return declare


@dataclass(frozen=True)
class Toolset:
    """A group of tools, enabled as one.

    Attributes:
        name: As `--toolsets` takes it (with the kind in front: `proxmox:guests`).
        module: Dotted name of the module with its tools.
        description: One line for people who choose toolsets.
        default: Whether it is listed without being named.
    """

    name: str
    module: str
    description: str
    default: bool = False


def tools_in(module: ModuleType) -> list[ToolSpec]:
    """The tools defined in a module, in the order of their definition."""
    own = (value for value in vars(module).values() if isinstance(value, ToolSpec))
    return [spec for spec in own if spec.module == module.__name__]
