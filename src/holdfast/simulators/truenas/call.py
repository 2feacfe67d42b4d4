"""One method call in progress: who calls, on which release's terms, and what its handler needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.simulators.truenas.credentials import Credential
from holdfast.simulators.truenas.errors import Json, Row
from holdfast.simulators.truenas.facts import Fact
from holdfast.simulators.truenas.query import compile_filters, mentioned_fields, run_query
from holdfast.simulators.truenas.schema import prune
from holdfast.simulators.truenas.secrets import mask_rows

if TYPE_CHECKING:
    from holdfast.simulators.truenas.box import Box
    from holdfast.simulators.truenas.jobs import Job
    from holdfast.simulators.truenas.session import Session

COUNT_ONLY: Row = {"count": True}


@dataclass
class Call:
    """What a handler may know about its caller.

    Attributes:
        release: The release whose models this call speaks, as a comparable pair.
        job: The job this handler runs as, if it is one.
    """

    box: Box
    fact: Fact
    release: tuple[int, int]
    session: Session | None = None
    credential: Credential | None = None
    message_id: str | None = None
    job: Job | None = None

    def row_schema(self) -> Row:
        """The schema of one row of a query's answer."""
        schema = self.box.facts.resolve(self.fact.returns)
        for branch in schema.get("anyOf", [schema]):
            branch = self.box.facts.resolve(branch)
            if branch.get("type") == "array":
                items = branch.get("items", {})
                return dict(items[0] if isinstance(items, list) else items)
        return schema

    def query(self, rows: Iterable[Row], filters: list[Any], options: Row) -> Json:
        """Answer a query over these rows, in this release's shape, secrets hidden from those who may not see them."""
        schema = self.row_schema()
        if filters and mentioned_fields(filters, COUNT_ONLY) <= set(schema.get("properties", ())):
            # The release knows every field that is filtered on, so what does not match need not be shaped.
            rows, filters = filter(compile_filters(filters), rows), []
        shaped = [prune(schema, row, self.box.facts.resolve) for row in rows]
        return mask_rows(self, run_query(shaped, filters, options))

    def may(self, *roles: str) -> bool:
        """Whether the caller holds one of these roles; calls from inside the box may do anything."""
        return self.credential is None or self.credential.has_role(roles)
