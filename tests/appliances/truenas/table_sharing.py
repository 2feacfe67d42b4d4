"""Sessions of clients, settings of the share services, and who may use what of iSCSI."""

from __future__ import annotations

from tests.appliances.truenas.case import Call, Case

AUTH: Call = ("create_iscsi_auth", {"tag": 7, "user": "pve1", "secret": "twelve-chars1"})
INITIATORS: Call = ("create_iscsi_initiators", {"comment": "nodes", "initiators": ["iqn.1993-08.org.debian:01:a"]})

READS = (
    Case("list_sessions"),
    Case("get_share_services"),
)

WRITES = (
    Case(
        "update_iscsi_portal",
        {"ref": "rack", "listen": ["10.20.0.14"], "comment": "rack"},
        "iscsi.portal.update",
        missing={"ref": "no", "comment": "x"},
    ),
    Case("create_iscsi_initiators", dict(INITIATORS[1]), "iscsi.initiator.create"),
    Case(
        "update_iscsi_initiators",
        {"ref": "nodes", "initiators": []},
        "iscsi.initiator.update",
        (INITIATORS,),
        missing={"ref": "no", "comment": "x"},
    ),
    Case("create_iscsi_auth", dict(AUTH[1]), "iscsi.auth.create"),
    Case(
        "update_iscsi_auth",
        {"ref": "pve1", "tag": 8},
        "iscsi.auth.update",
        (AUTH,),
        missing={"ref": "no", "tag": 8},
    ),
    Case(
        "update_iscsi_target",
        {"ref": "vm-store", "auth": 7, "initiator": 0, "alias": "store"},
        "iscsi.target.update",
        (AUTH,),
        missing={"ref": "no", "alias": "x"},
        undo=False,
    ),
    Case("update_smb_service", {"description": "Rack", "minimum_protocol": "SMB1"}, "smb.update"),
    Case("update_nfs_service", {"protocols": ["NFSV4"], "allow_nonroot": True}, "nfs.update"),
    Case("update_iscsi_service", {"port": 3261}, "iscsi.global.update"),
)
