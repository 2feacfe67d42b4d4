"""Who may do what, and who may store how much."""

from __future__ import annotations

from typing import Annotated

from holdfast.appliances.truenas.reading import From
from holdfast.control.answers import Answer, Page, Row
from holdfast.control.cleaning import Untrusted


class Permissions(Answer):
    """Owner, mode (octal) and ACL of a path. `trivial`: the ACL says no more than the mode.

    entries: in the form that truenas_set_acl takes.
    """

    path: Untrusted
    type: Untrusted
    user: Untrusted | None = None
    group: Untrusted | None = None
    uid: int
    gid: int
    mode: Untrusted
    acl_type: Annotated[Untrusted | None, From("acltype")] = None
    trivial: bool | None = None
    entries: list[Untrusted] | None = None


class Quota(Row):
    """What one user, group or project stores in a dataset, and may; 0: no limit."""

    id: Untrusted
    name: Untrusted | None = None
    used_bytes: int | None = None
    quota_bytes: Annotated[int | None, From("quota")] = None
    files: Annotated[int | None, From("obj_used")] = None
    quota_files: Annotated[int | None, From("obj_quota")] = None


class QuotaPage(Page[Quota]):
    """Quotas."""
