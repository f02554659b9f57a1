"""The `botdeck` command."""

import sys


def main() -> None:
    """Entry point. Says what to install when only the SDK is there, for `pip install botdeck` brings no dependency."""
    try:
        from botdeck.cli.commands import app
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] == "botdeck":
            raise
        sys.exit(
            f"botdeck: the command line needs {missing.name}, which is not installed. "
            "Say: pip install 'botdeck[all]'. (A bot alone needs only: pip install botdeck.)"
        )
    app()
