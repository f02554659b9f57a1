"""How a part of the runner says that something is wrong on its host."""

from collections.abc import Callable

Tell = Callable[[str, str | None], None]
"""Takes a key and a sentence for people, or None once it is over. Told again at each change."""


def tell_nobody(_key: str, _sentence: str | None) -> None:
    """Where nobody wants to know."""
