"""Plumbing of the tests: unmodified bots talk to a server on loopback instead of the one that their library knows.

`ELSEWHERE=discord http://127.0.0.1:8790` imports `elsewhere_discord` from this folder and calls `point_at` with the
address. It also stands for any `sitecustomize` that a bot's surroundings may have beside Botdeck's.
"""

import importlib
import os

if "ELSEWHERE" in os.environ:
    platform, address = os.environ["ELSEWHERE"].split(" ", 1)
    importlib.import_module(f"elsewhere_{platform}").point_at(address)
