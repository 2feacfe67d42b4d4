"""No text field of an answer model can escape: whatever is not bounded is found."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, computed_field

from holdfast.appliances.proxmox.identifiers import NodeName, Vmid
from holdfast.control.cleaning import HouseText, Untrusted, UntrustedJson, UntrustedText
from holdfast.control.identifiers import Cidr
from holdfast.control.textfields import TextField, bare_fields, text_fields

T = TypeVar("T")


class State(enum.StrEnum):
    ON = "on"


class Number(enum.IntEnum):
    ONE = 1


class Inner(BaseModel):
    name: Untrusted


class BadInner(BaseModel):
    name: str


class Tree(BaseModel):
    label: Untrusted
    children: list[Tree] = []


class Paged(BaseModel, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Point:
    label: str
    where: Untrusted


class Pair(NamedTuple):
    left: str


class Good(BaseModel):
    a: Untrusted
    b: UntrustedText | None
    c: HouseText = ""
    d: NodeName | None = None
    e: list[Cidr] = []
    f: Literal["x", "y"] = "x"
    g: State = State.ON
    h: datetime.datetime | None = None
    i: uuid.UUID | None = None
    j: int = 0
    k: float | bool | None = None
    m: Vmid = 100
    n: Inner | None = None
    o: dict[NodeName, Inner] = {}
    p: tuple[int, Untrusted] = (0, "")
    q: UntrustedJson = {}
    r: Paged[Inner] | None = None
    s: Tree | None = None
    t: Annotated[Untrusted, Field(description="x")] = ""
    u: Annotated[list[Untrusted], Field(max_length=3)] = []
    v: frozenset[State] = frozenset()
    w: Number = Number.ONE
    x: tuple[Untrusted, ...] = ()


def test_a_model_whose_text_is_all_bounded_has_no_bare_field() -> None:
    assert bare_fields(Good) == []


def test_every_text_field_is_found_with_what_bounds_it() -> None:
    found = {field.path: field.bound for field in text_fields(Good)}
    assert found == {
        "Good.a": "untrusted",
        "Good.b": "untrusted",
        "Good.c": "house",
        "Good.d": "identifier",
        "Good.e[]": "identifier",
        "Good.f": "literal",
        "Good.g": "enum",
        "Good.h": "typed",
        "Good.i": "typed",
        "Good.n.name": "untrusted",
        "Good.o{key}": "identifier",
        "Good.o{}.name": "untrusted",
        "Good.p[]": "untrusted",
        "Good.q": "untrusted",
        "Good.r.items[].name": "untrusted",
        "Good.s.label": "untrusted",
        "Good.t": "untrusted",
        "Good.u[]": "untrusted",
        "Good.v[]": "enum",
        "Good.w": "enum",
        "Good.x[]": "untrusted",
    }


@pytest.mark.parametrize(
    ("annotation", "paths"),
    [
        (str, ["M.x"]),
        (str | None, ["M.x"]),
        (int | str, ["M.x"]),
        (list[str], ["M.x[]"]),
        (dict[str, int], ["M.x{key}"]),
        (dict[NodeName, str], ["M.x{}"]),
        (tuple[int, str], ["M.x[]"]),
        (set[str], ["M.x[]"]),
        (Annotated[str, Field(max_length=3)], ["M.x"]),
        (Annotated[str, Field(pattern="^a$")], ["M.x"]),
        (Any, ["M.x"]),
        (object, ["M.x"]),
        (dict, ["M.x"]),
        (list, ["M.x"]),
        (bytes, ["M.x"]),
        (SecretStr, ["M.x"]),
        (JsonValue, ["M.x[]", "M.x{key}", "M.x{}", "M.x"]),
        (BadInner, ["M.x.name"]),
        (list[BadInner | None], ["M.x[].name"]),
        (Paged[BadInner], ["M.x.items[].name"]),
        (Paged[str], ["M.x.items[]"]),
        (Point, ["M.x.label"]),
        (Pair, ["M.x"]),
        (Mapping[NodeName, Vmid], ["M.x"]),
        (Sequence[Vmid], ["M.x"]),
    ],
)
def test_text_that_nothing_bounds_is_found_wherever_it_hides(annotation: Any, paths: list[str]) -> None:
    model = type("M", (BaseModel,), {"__annotations__": {"x": annotation}, "__module__": __name__})
    found = bare_fields(model)
    assert found
    assert set(paths) <= set(found)


def test_fields_that_a_model_lets_pass_unnamed_are_bare() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    assert bare_fields(Open) == ["Open.*"]


def test_computed_fields_count_too() -> None:
    class Computed(BaseModel):
        @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
        @property
        def text(self) -> str:
            return "x"

    assert bare_fields(Computed) == ["Computed.text"]


def test_an_inherited_field_counts_too() -> None:
    class Base(BaseModel):
        text: str

    class Derived(Base):
        number: int = 0

    assert list(text_fields(Derived)) == [TextField("Derived.text", "bare")]
