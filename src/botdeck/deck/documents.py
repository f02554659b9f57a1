"""Documents that say how things stand, and not what somebody decided: what is there is replaced."""

from typing import Any

from botdeck.errors import StorageConflict
from botdeck.storage.port import Document, Storage


async def overwrite(storage: Storage, kind: str, key: str, body: dict[str, Any], version: int) -> int:
    """`version` is the one that it had when it was last seen here, 0 if never; returns the one that it has now. Raises
    StorageError."""
    try:
        stored = await storage.put_document(kind, Document(id=key, body=body, version=version))
    except StorageConflict:
        there = await storage.document(kind, key)
        version = there.version if there else 0
        stored = await storage.put_document(kind, Document(id=key, body=body, version=version))
    return stored.version
