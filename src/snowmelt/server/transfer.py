"""PUT and GET: the answer that makes the client copy files between its disk and a stage's directory.

Follows the connector's `file_transfer_agent.py` and `local_storage_client.py` (stage type ``LOCAL_FS``). The client
writes by itself: OVERWRITE = FALSE is passed on, but its local storage client never skips a file.
"""

from __future__ import annotations

from typing import Any

from snowmelt.base.result import Transfer


def transfer_data(transfer: Transfer) -> dict[str, Any]:
    """The part of an answer that describes the transfer."""
    data: dict[str, Any] = {
        "command": transfer.command,
        "operation": "Node",
        "kind": None,
        "src_locations": list(transfer.locations),
        "parallel": transfer.parallel,
        "threshold": 209_715_200,
        "encryptionMaterial": None,
        "clientShowEncryptionParameter": False,
        "presignedUrls": None,
        "stageInfo": {
            "locationType": "LOCAL_FS",
            "location": transfer.directory.rstrip("/") + "/",
            "path": "",
            "region": None,
            "storageAccount": None,
            "isClientSideEncrypted": False,
            "creds": {},
            "endPoint": None,
        },
    }
    if transfer.command == "UPLOAD":
        data["autoCompress"] = transfer.auto_compress
        data["overwrite"] = transfer.overwrite
        data["sourceCompression"] = transfer.source_compression
    else:
        data["localLocation"] = transfer.local_location
    return data
