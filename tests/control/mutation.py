"""Mutants of a module's source: one condition forced or turned, one comparison moved by its edge, one refusal, one call
or one operand taken away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2] / "src"

_PLATFORM: Final = ("os.name", "sys.platform", "TYPE_CHECKING")
_OPPOSITE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        module: Below `holdfast`.
        line: Number in the source.
        text: That line, without blanks around it.
        what: The change.
        code: The compiled module with the change.
    """

    module: str
    line: int
    text: str
    what: str
    code: CodeType

    @property
    def key(self) -> tuple[str, str, str]:
        """How the list of equivalents names it."""
        return (self.module, self.text, self.what)


def path_of(module: str) -> Path:
    """The file of a module below `holdfast`."""
    return SOURCE.joinpath("holdfast", *module.split(".")).with_suffix(".py")


def count(module: str) -> int:
    """How many mutants a module has."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    parents = _parents(tree)
    return sum(1 for node in ast.walk(tree) for _ in _changes(node, parents))


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    path = path_of(module)
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    tree = ast.parse(source)
    parents = _parents(tree)
    for node in list(ast.walk(tree)):
        for what, parent, field, position, replacement in list(_changes(node, parents)):
            line = _line_of(node)
            original = _replace(parent, field, position, replacement)
            code = compile(ast.fix_missing_locations(tree), str(path), "exec")
            _replace(parent, field, position, original)
            yield Mutant(module, line, lines[line - 1].strip(), what, code)


def _line_of(node: ast.AST) -> int:
    return next((found.lineno for found in ast.walk(node) if isinstance(found, ast.expr | ast.stmt)), 1)


_Place = tuple[ast.AST, str, int | None]
_Change = tuple[str, ast.AST, str, int | None, ast.AST]


def _parents(tree: ast.AST) -> dict[ast.AST, _Place]:
    found: dict[ast.AST, _Place] = {}
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                found[value] = (parent, name, None)
            elif isinstance(value, list):
                for position, item in enumerate(value):
                    if isinstance(item, ast.AST):
                        found[item] = (parent, name, position)
    return found


def _replace(parent: ast.AST, field: str, position: int | None, replacement: ast.AST) -> ast.AST:
    """Put a node into its place; what stood there."""
    if position is None:
        original: ast.AST = getattr(parent, field)
        setattr(parent, field, replacement)
    else:
        original = getattr(parent, field)[position]
        getattr(parent, field)[position] = replacement
    return original


def _changes(node: ast.AST, parents: dict[ast.AST, _Place]) -> Iterator[_Change]:
    if node not in parents or _is_skipped(node, parents):
        return
    here = parents[node]
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        for value in (True, False):
            if not (isinstance(node.test, ast.Constant) and node.test.value is value):
                if isinstance(node, ast.While) and value:
                    continue
                yield (f"condition -> {value}", node, "test", None, ast.Constant(value))
    elif isinstance(node, ast.comprehension):
        for position in range(len(node.ifs)):
            for value in (True, False):
                yield (f"filter {position} -> {value}", node, "ifs", position, ast.Constant(value))
    elif isinstance(node, ast.BoolOp):
        for position in range(len(node.values)):
            rest = [value for number, value in enumerate(node.values) if number != position]
            kept = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            yield (f"without operand {position}", *here, kept)
    elif isinstance(node, ast.Compare):
        for position, operator in enumerate(node.ops):
            turned = _OPPOSITE[type(operator)]()
            name = f"{type(operator).__name__} -> {type(turned).__name__}"
            yield (f"{name} at {position}" if len(node.ops) > 1 else name, node, "ops", position, turned)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ("without not", *here, node.operand)
    elif isinstance(node, ast.Raise):
        yield ("without raise", *here, ast.Pass())
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
        yield ("without call", *here, ast.Pass())
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        yield (f"return {not node.value.value}", node, "value", None, ast.Constant(not node.value.value))
    elif isinstance(node, ast.Return) and _returns_bool(node, parents):
        for value in (True, False):
            yield (f"return {value}", node, "value", None, ast.Constant(value))


def _is_skipped(node: ast.AST, parents: dict[ast.AST, _Place]) -> bool:
    """Conditions on the platform, which is the same for all mutants; declarations of types; words within a message."""
    found: ast.AST | None = node
    while found is not None:
        if isinstance(found, ast.JoinedStr):
            return True
        test = getattr(found, "test", None)
        if isinstance(test, ast.AST) and any(name in ast.unparse(test) for name in _PLATFORM):
            return True
        if isinstance(found, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in found.bases):
            return True
        found = parents[found][0] if found in parents else None
    return False


def _returns_bool(node: ast.AST, parents: dict[ast.AST, _Place]) -> bool:
    found: ast.AST | None = node
    while found is not None and not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        found = parents[found][0] if found in parents else None
    returns = getattr(found, "returns", None)
    return isinstance(returns, ast.Name) and returns.id == "bool"
