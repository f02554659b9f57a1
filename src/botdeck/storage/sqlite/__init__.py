"""The default engine and the specification of the port: one file in WAL mode, nothing but the standard library."""

from botdeck.storage.sqlite.adapter import SqliteStorage

__all__ = ["SqliteStorage"]
