"""Network shares that requests name, and where an export goes (contract §12.5, §12.16, §12.18)."""

from __future__ import annotations

from collections.abc import Collection

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.wire import Json

NETWORK = ("NFS", "CIFS", "HTTP", "HTTPS", "TFTP", "FTP")


def is_local(content: Json) -> bool:
    """Whether an export is to be fetched from the iDRAC itself; ShareType left out means so."""
    return str(content.get("ShareType", "Local")).lower() == "local"


def read_share(content: Json, *, types: Collection[str] = NETWORK) -> str:
    """The network share of a request as one text; refused when a part is missing."""
    kind = body.text(content, "ShareType", allowed=types)
    address = body.text(content, "IPAddress")
    name = body.text(content, "ShareName", default="" if kind in ("HTTP", "HTTPS", "TFTP", "FTP") else None)
    if kind == "CIFS":
        body.text(content, "UserName")
        body.text(content, "Password")
    return f"{kind.lower()}://{address}/{name.strip('/')}"
