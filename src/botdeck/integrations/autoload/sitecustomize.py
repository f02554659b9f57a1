"""Python runs this file before a program's first line when the runner has put this folder on PYTHONPATH.

Every Python that a bot starts runs it too, so it must be read by all of them (even Python 2 parses it), take next to no
time, and keep its faults to itself.
"""
# mypy: allow-untyped-defs, allow-untyped-calls

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start():
    # At the end of the path: a Botdeck that the bot's own environment has is used before this copy.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(_HERE))))
    import botdeck_late  # type: ignore[import-not-found]  # beside this file

    botdeck_late.start()


def _run_the_one_we_hide():
    """There is one `sitecustomize` for Python. Distributions and coverage tools have theirs further down the path.
    What theirs raises goes on: Python then says what it would have said without us."""
    ours = sys.modules.pop(__name__)
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]  # it has done its work
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) != __name__:
            raise
        sys.modules[__name__] = ours


if sys.version_info >= (3, 9):  # noqa: UP036
    try:  # noqa: SIM105  contextlib would take longer to load than all of this
        _start()
    except Exception:  # noqa: S110  the bot comes first
        pass
if sys.version_info >= (3, 4):  # noqa: UP036
    _run_the_one_we_hide()
