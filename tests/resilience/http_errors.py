"""Errors as aiohttp makes them, without a wire."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

CONNECTION_KEY: Final = ConnectionKey("appliance", 443, True, True, None, None, None)


def request_info() -> aiohttp.RequestInfo:
    """A request that might have been."""
    headers: CIMultiDict[str] = CIMultiDict()
    url = URL("https://appliance/api")
    return aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(headers), url)


def http_error(status: int, *, retry_after: str | None = None) -> aiohttp.ClientResponseError:
    """What `raise_for_status` raises for an answer with this status."""
    headers: CIMultiDict[str] = CIMultiDict() if retry_after is None else CIMultiDict({"Retry-After": retry_after})
    return aiohttp.ClientResponseError(request_info(), (), status=status, message="no", headers=headers)
