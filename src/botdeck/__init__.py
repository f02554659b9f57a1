"""Botdeck, as a bot sees it."""

__version__ = "0.1.0"
