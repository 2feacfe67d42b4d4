"""Virtual media (contract §12.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holdfast.simulators.idrac import body
from holdfast.simulators.idrac.errors import refuse
from holdfast.simulators.idrac.wire import Json

if TYPE_CHECKING:
    from holdfast.simulators.idrac.bmc import Bmc

PROTOCOLS = ("HTTP", "HTTPS", "NFS", "CIFS")
_PARAMETERS = frozenset(
    {"Image", "Inserted", "WriteProtected", "UserName", "Password", "TransferMethod", "TransferProtocolType"}
    | {"MediaTypes"}
)


@dataclass
class Slot:
    """One virtual drive."""

    id: str
    name: str
    types: tuple[str, ...]
    image: str | None = None
    write_protected: bool = True
    username: str | None = None
    stale_image: str | None = None
    stale_until: float = 0.0


class Media:
    """The virtual drives of one iDRAC."""

    def __init__(self, bmc: Bmc) -> None:
        self._bmc = bmc
        cd, disk = ("CD", "DVD"), ("USBStick",)
        self.slots: dict[str, Slot] = {}
        if bmc.persona.media_home == "manager":
            self.slots["CD"] = Slot("CD", "Virtual CD", cd)
            self.slots["RemovableDisk"] = Slot("RemovableDisk", "Virtual Removable Disk", ("Floppy", *disk))
        else:
            for number in ("1", "2"):
                self.slots[number] = Slot(number, f"VirtualMedia Instance {number}", (*cd, *disk))

    def shown_image(self, slot: Slot) -> str | None:
        """What a GET shows, which after an eject can be out of date for a while."""
        if slot.image is None and slot.stale_image is not None and self._bmc.now < slot.stale_until:
            return slot.stale_image
        return slot.image

    def insert(self, slot: Slot, content: Json) -> None:
        """Connect an image."""
        body.closed(content, _PARAMETERS)
        image = body.text(content, "Image")
        body.boolean(content, "Inserted", default=True)
        protected = body.boolean(content, "WriteProtected", default=True)
        body.text(content, "TransferMethod", allowed=("Stream", "Upload"), default="Stream")
        if "TransferProtocolType" in content:
            body.text(content, "TransferProtocolType", allowed=PROTOCOLS)
        if slot.image is not None:
            raise refuse(500 if self._bmc.persona.generation < 9 else 400, "VRM0012")
        if not _is_location(image):
            raise body.invalid("Image", image)
        if not image.lower().endswith((".iso", ".img")):
            raise refuse(400, "VRM0021", image)
        if slot.types == ("CD", "DVD") and not image.lower().endswith(".iso"):
            raise refuse(500, "VRM0021", image)
        if self._bmc.faults.take("media-unreachable", now=self._bmc.now):
            if self._bmc.persona.generation < 9:
                # iDRAC8 sometimes reports success although nothing was connected.
                return
            raise refuse(500, "VRM0021", image)
        slot.image, slot.write_protected = image, protected
        slot.username = body.text(content, "UserName", default="") or None
        slot.stale_image = None
        self._bmc.record("LOG203", f"Virtual media {slot.id} is connected", category="Audit")

    def eject(self, slot: Slot) -> None:
        """Disconnect; 500 VRM0009 when nothing is there."""
        if slot.image is None:
            raise refuse(500, "VRM0009")
        stale = self._bmc.faults.take("stale-media", now=self._bmc.now)
        if stale is not None:
            slot.stale_image, slot.stale_until = slot.image, self._bmc.now + stale.number("seconds")
        slot.image, slot.username = None, None
        self._bmc.record("LOG203", f"Virtual media {slot.id} is disconnected", category="Audit")


def _is_location(image: str) -> bool:
    if "://" in image:
        parts = urlsplit(image)
        return parts.scheme.lower() in ("http", "https", "nfs", "cifs", "smb") and bool(parts.netloc)
    # host:/path/a.iso of NFS and //host/share/a.iso of CIFS.
    return ":/" in image or image.startswith(("//", "\\\\"))
