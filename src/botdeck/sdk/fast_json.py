"""A faster encoder of JSON, where the bot's environment has one: orjson or msgspec, else none."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_SITE = ("site-packages", "dist-packages")
_SAMPLE = {"text": 'a "quoted" \u00fc\n\x01', "number": 3, "share": 0.25, "yes": True, "nothing": None}
_WRITTEN = b'{"text":"a \\"quoted\\" \xc3\xbc\\n\\u0001","number":3,"share":0.25,"yes":true,"nothing":null}\n'


def find(names: Sequence[str] = ("orjson", "msgspec")) -> Callable[[object], bytes] | None:
    """Writes an object and a newline. One that the bot has loaded itself comes first, because it costs nothing more."""
    for name in sorted(names, key=lambda name: name not in sys.modules):
        try:
            if (name in sys.modules or _is_installed(name)) and (encode := _encode_of(name))(_SAMPLE) == _WRITTEN:
                return encode
        except Exception:  # built for another Python, say  # noqa: S112
            continue
    return None


def _is_installed(name: str) -> bool:
    """A file of the bot's own that happens to be called so must not be run."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec(name)
    return spec is not None and os.path.basename(os.path.dirname(os.path.dirname(spec.origin or ""))) in _SITE


def _encode_of(name: str) -> Callable[[object], bytes]:
    if name == "orjson":
        orjson: Any = import_module("orjson")
        return partial(orjson.dumps, option=orjson.OPT_APPEND_NEWLINE)
    encode = import_module("msgspec.json").Encoder().encode
    return lambda value: encode(value) + b"\n"
