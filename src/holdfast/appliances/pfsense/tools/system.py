"""Connection test, health, packages, certificates, configuration history, users."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from pydantic import Field

from holdfast.appliances.pfsense.arguments import Ctx, Search, has_text
from holdfast.appliances.pfsense.changes import plan_create, plan_delete
from holdfast.appliances.pfsense.facts import shown
from holdfast.appliances.pfsense.health import problems
from holdfast.appliances.pfsense.identifiers import PackageName
from holdfast.appliances.pfsense.kinds import PACKAGE
from holdfast.appliances.pfsense.models import (
    Certificate,
    CertificatePage,
    ConnectionTest,
    Health,
    PackagePage,
    Revision,
    RevisionPage,
    User,
    UserPage,
)
from holdfast.appliances.pfsense.models import Package as PackageRow
from holdfast.appliances.pfsense.reading import all_rows, page_of, said, texts, yes
from holdfast.appliances.pfsense.versions import VERIFIED_DRY_RUN, parse_version
from holdfast.control.change import Change
from holdfast.control.paging import Cursor, Limit, paginate
from holdfast.control.spec import Risk, tool
from holdfast.errors import HoldfastError, PermissionDeniedError, RefusedError
from holdfast.transport.values import JsonObject, get_int, opt_int

_KNOWS_US = frozenset({"AUTH_AUTHORIZATION_FAILED", "ENDPOINT_CLIENT_NOT_ALLOWED_BY_ACL"})
"""Refusals that come after the credential was accepted (contract 3.5)."""
_OWN_PACKAGE = "pfSense-pkg-RESTAPI"


@tool(title="Test connection", toolset="system")
async def pfsense_test_connection(ctx: Ctx) -> ConnectionTest:
    """How far a connection gets: reachable, REST API installed, credential accepted, release. Use it when other tools
    fail; it also tells when login protection probably blocks this address."""
    client = ctx.client
    started = time.monotonic()
    scheme = client.auth_scheme
    try:
        version = parse_version(await client.public_version())
    except HoldfastError as error:
        return ConnectionTest(reachable=False, authenticated=False, auth_scheme=scheme, problem=_told(error))
    elapsed_ms = round((time.monotonic() - started) * 1000, 1)
    try:
        await client.get("system", "version")
    except HoldfastError as error:
        return ConnectionTest(
            reachable=True,
            authenticated=isinstance(error, PermissionDeniedError) and error.vendor_code in _KNOWS_US,
            api_version=shown(version),
            auth_scheme=scheme,
            elapsed_ms=elapsed_ms,
            problem=_told(error),
        )
    return ConnectionTest(
        reachable=True,
        authenticated=True,
        api_version=shown(version),
        auth_scheme=scheme,
        dry_run=version in VERIFIED_DRY_RUN,
        elapsed_ms=elapsed_ms,
    )


def _told(error: HoldfastError) -> str:
    return f"{error.message} {error.next_step or ''}".strip()


@tool(title="Health", toolset="system")
async def pfsense_health(ctx: Ctx) -> Health:
    """What is wrong: full disks or memory, gateways in trouble, stopped services, dead links, certificates that expire
    within 21 days, an API package with known holes."""
    found, checked, notes = await problems(ctx.client)
    return Health(healthy=not found, problems=found[:100], checked=checked, notes=notes or None)


@tool(title="List packages", toolset="system")
async def pfsense_list_packages(
    ctx: Ctx,
    *,
    available: Annotated[bool, Field(description="Also what could be installed.")] = False,
    search: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PackagePage:
    """Installed packages with their versions and updates; with available=true the whole repository."""
    installed = {str(row.get("name")): _installed(row) for row in await all_rows(ctx.client, "Package")}
    found = dict(installed)
    if available:
        for row in await all_rows(ctx.client, "AvailablePackage"):
            name = str(row.get("name"))
            found.setdefault(
                name, PackageRow(name=name, description=said(row, "descr"), available=said(row, "version"))
            )
    rows = [row for _, row in sorted(found.items()) if has_text(search, row.name, row.description)]
    return paginate(PackagePage, rows, limit, cursor)


def _installed(row: JsonObject) -> PackageRow:
    return PackageRow(
        name=str(row.get("name")),
        description=said(row, "descr"),
        installed=said(row, "installed_version"),
        available=said(row, "latest_version"),
        update_available=yes(row, "update_available"),
    )


@tool(title="Install package", toolset="system", risk=Risk.WRITE, idempotent=True, open_world=True)
async def pfsense_install_package(ctx: Ctx, *, package: PackageName) -> Change:
    """Install a package from pfSense's repository. It takes up to minutes."""
    return await plan_create(ctx, PACKAGE, {"name": package})


@tool(title="Remove package", toolset="system", risk=Risk.DESTRUCTIVE, idempotent=False)
async def pfsense_remove_package(ctx: Ctx, *, package: PackageName) -> Change:
    """Remove a package and what runs with it. The REST API's own package is never removed."""
    if package.casefold() in (_OWN_PACKAGE.casefold(), "restapi"):
        raise RefusedError(f"{_OWN_PACKAGE} is the way in: it is not removed through itself. Nothing was executed.")
    return await plan_delete(ctx, PACKAGE, package)


@tool(title="List certificates", toolset="system")
async def pfsense_list_certificates(
    ctx: Ctx,
    *,
    expiring_days: Annotated[
        int | None, Field(ge=0, le=3650, description="Only with at most this many days left.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CertificatePage:
    """Certificates and authorities with their validity, those that expire first in front. Keys are never shown."""
    own, authorities = await asyncio.gather(
        all_rows(ctx.client, "Certificate"), all_rows(ctx.client, "CertificateAuthority")
    )
    issuers = {str(row.get("refid")): said(row, "descr") for row in authorities}
    found = [_certificate(row, "certificate", issuers) for row in own]
    found += [_certificate(row, "authority", issuers) for row in authorities]
    if expiring_days is not None:
        found = [row for row in found if row.days_left is not None and row.days_left <= expiring_days]
    found.sort(key=lambda row: (row.days_left is None, row.days_left or 0))
    return paginate(CertificatePage, found, limit, cursor)


def _certificate(row: JsonObject, kind: str, issuers: dict[str, str | None]) -> Certificate:
    return Certificate(
        ref=str(row.get("refid")),
        kind=f"{row.get('type')} certificate" if row.get("type") else kind,
        name=str(row.get("descr")),
        issuer=issuers.get(str(row.get("caref"))),
        valid_from=said(row, "valid_from"),
        valid_until=said(row, "valid_until"),
        days_left=opt_int(row, "valid_days_left", lenient=True),
    )


@tool(title="Configuration history", toolset="system")
async def pfsense_list_revisions(ctx: Ctx, *, limit: Limit = 20, cursor: Cursor = None) -> RevisionPage:
    """Who changed the configuration when, the newest first. The API can neither show nor restore a revision: changes
    are taken back by the undo of each."""
    part = await page_of(
        ctx.client, "ConfigHistoryRevision", limit, cursor, {}, lambda rows: [_revision(row) for row in rows]
    )
    return RevisionPage(items=part.items, next_cursor=part.next_cursor, changed=part.changed, notes=part.notes())


def _revision(row: JsonObject) -> Revision:
    return Revision(
        time=get_int(row, "time", lenient=True),
        description=said(row, "description"),
        version=said(row, "version"),
        size_bytes=opt_int(row, "filesize", lenient=True),
    )


@tool(title="List users and groups", toolset="system")
async def pfsense_list_users(ctx: Ctx, *, search: Search = None, limit: Limit = 50, cursor: Cursor = None) -> UserPage:
    """Local users and groups with their privileges. Reading only: accounts are managed in the web interface."""
    users, groups = await asyncio.gather(all_rows(ctx.client, "User"), all_rows(ctx.client, "UserGroup"))
    found = [_user(row) for row in users] + [_group(row) for row in groups]
    found = [row for row in found if has_text(search, row.name, row.description)]
    return paginate(UserPage, found, limit, cursor)


_PRIVILEGES_SHOWN = 12


def _privileges(row: JsonObject) -> list[str] | None:
    names = texts(row, "priv")
    more = len(names) - _PRIVILEGES_SHOWN
    return [*names[:_PRIVILEGES_SHOWN], *([f"and {more} more"] if more > 0 else [])] or None


def _user(row: JsonObject) -> User:
    return User(
        name=str(row.get("name")),
        kind="user",
        id=opt_int(row, "uid", lenient=True),
        description=said(row, "descr"),
        disabled=yes(row, "disabled"),
        privileges=_privileges(row),
    )


def _group(row: JsonObject) -> User:
    return User(
        name=str(row.get("name")),
        kind="group",
        id=opt_int(row, "gid", lenient=True),
        description=said(row, "description"),
        members=texts(row, "member") or None,
        privileges=_privileges(row),
    )
