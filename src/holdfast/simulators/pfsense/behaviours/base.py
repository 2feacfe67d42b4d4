"""The default behaviour of a model; subjects override what differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.simulators.pfsense.answers import ApiError
from holdfast.simulators.pfsense.config import Ident, Stored
from holdfast.simulators.pfsense.jobs import apply_kind
from holdfast.simulators.pfsense.values import Value

if TYPE_CHECKING:
    from holdfast.simulators.pfsense.schema import Field
    from holdfast.simulators.pfsense.work import Obj, Work


class Behaviour:
    """What happens when objects of one model are read and changed."""

    def reads_pages(self, work: Work) -> bool:
        """Whether limit, offset and reverse are handled by `page` instead of by the engine."""
        return False

    def source(self, work: Work) -> dict[Ident, Stored]:
        """Objects of a collection that is not configuration, by id."""
        raise ApiError(500, "MODEL_WITH_NO_INTERNAL_METHOD", "Model requires a `config_path` or `internal_callable`.")

    def page(self, work: Work, limit: int, offset: int, reverse: bool) -> dict[Ident, Stored]:
        """A page of such a collection, for models that read their source by page."""
        return self.source(work)

    def single(self, work: Work) -> Stored:
        """The object of a model that is neither a collection nor configuration."""
        return {}

    def complete(self, work: Work, stored: Stored) -> Stored:
        """The stored object with values that others depend on and that are not stored themselves."""
        return stored

    def expand(self, work: Work, obj: Obj, stored: Stored) -> None:
        """Fill in values that are computed when an object is read."""

    def prepare(self, work: Work, obj: Obj) -> None:
        """Fill in values that the appliance itself gives a new object, before validation."""

    def check(self, work: Work, obj: Obj) -> None:
        """Check what fields alone cannot say; raises the first problem."""

    def check_delete(self, work: Work, obj: Obj) -> None:
        """Refuse a deletion that would break something."""

    def before_delete_many(self, work: Work, objects: list[Obj], *, all_of_them: bool) -> None:
        """Called once before a plural DELETE, with what it matched."""

    def choices(self, work: Work, obj: Obj, field: Field) -> list[Any] | None:
        """Choices of a field that depend on the appliance; None when any value is allowed."""
        return None

    def default(self, work: Work, obj: Obj, field: Field) -> Value:
        """The value of a field whose default depends on the appliance."""
        return None

    def saving(self, work: Work, obj: Obj, stored: Stored, verb: str) -> Stored:
        """The stored form as finally written; verb is create, update or replace."""
        return stored

    async def create(self, work: Work, obj: Obj) -> bool:
        """Do what creating means for a model that is not configuration; False leaves it to the engine."""
        return False

    async def update(self, work: Work, obj: Obj) -> bool:
        """Do what updating means for a model that is not configuration; False leaves it to the engine."""
        return False

    async def delete(self, work: Work, obj: Obj) -> bool:
        """Do what deleting means for a model that is not configuration; False leaves it to the engine."""
        return False

    def changed(self, work: Work, obj: Obj, verb: str) -> None:
        """Note a change that was written: flags beyond the model's own, linked objects."""

    async def apply(self, work: Work, obj: Obj, verb: str) -> None:
        """Make a change live: queue the reload of the model's kind, or wait for it."""
        kind = apply_kind(obj.model.name)
        if kind:
            ends_at = work.machine.jobs.spawn(kind)
            if work.wait_apply:
                await work.machine.wait_until(ends_at)
                work.machine.jobs.settle()


_REGISTRY: dict[str, type[Behaviour]] = {}
B = TypeVar("B", bound=type[Behaviour])


def behaves(*models: str) -> Callable[[B], B]:
    """Register a behaviour for models."""

    def register(cls: B) -> B:
        for model in models:
            _REGISTRY[model] = cls
        return cls

    return register


def registered() -> dict[str, type[Behaviour]]:
    """Behaviours by model."""
    return dict(_REGISTRY)
