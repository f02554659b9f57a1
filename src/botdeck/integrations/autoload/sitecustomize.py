"""Python runs this file before a program's first line when the runner has put this folder on PYTHONPATH.

Every Python that a bot starts runs it too, so it must be read by all of them (even Python 2 parses it), and whatever
goes wrong here is nobody else's trouble.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start():
    # At the end of the path: a Botdeck that the bot's own environment has is used before this copy.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(_HERE))))
    from botdeck.integrations import late

    late.start()


def _run_the_one_we_hide():
    """There is one `sitecustomize` for Python. Distributions and coverage tools have theirs further down the path."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    others = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


if sys.version_info >= (3, 9):  # noqa: UP036
    try:  # noqa: SIM105
        _start()
    except Exception:  # noqa: S110  the bot comes first
        pass
if sys.version_info >= (3, 4):  # noqa: UP036
    _run_the_one_we_hide()  # may raise: Python then says what it would have said without us
