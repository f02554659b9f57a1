"""Where the deck keeps what it was told: one port, adapters beside it. Knows neither the web nor alerts."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from botdeck.errors import StorageError
from botdeck.storage.port import Storage

__all__ = ["Storage", "open_storage"]


async def open_storage(where: str | Path) -> Storage:
    """Open the database that a path or a `sqlite:///PATH` URL names. Raises StorageError.

    An adapter is imported only when it is asked for, so that its driver need not be installed otherwise.
    """
    storage = _adapter(where)
    await storage.open()
    return storage


def _adapter(where: str | Path) -> Storage:
    if isinstance(where, Path) or "://" not in where:
        path = Path(where)
    else:
        url = urlsplit(where)
        if url.scheme != "sqlite" or url.netloc or not url.path.strip("/"):
            # Not repeated as it is, for a URL may hold a password.
            raise StorageError(f"This {url.scheme}:// URL names no storage: expected sqlite:///PATH or a path.")
        path = Path(unquote(url.path))
    from botdeck.storage.sqlite import SqliteStorage

    return SqliteStorage(path)
