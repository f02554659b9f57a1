"""The two systemd units: what stands in them, and why."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from botdeck.settings import Settings

CONFIG_KEY = "X-Botdeck-Config"
"""By this line in a unit it is known whose it is; systemd does not look at keys that begin with X-."""
LAST_WORDS_S = 15
"""For the runner, after its last bot ended, to give the deck what the bots said last."""
LEAST_STOP_S = 90
_STOP_WITH_THE_HOST = (
    'test "$$(systemctl {scope}is-system-running)" = stopping || exit 0; '
    "kill -INT ${{MAINPID}}; while kill -0 ${{MAINPID}} 2>/dev/null; do sleep 0.2; done"
)
"""When the host goes down the bots are asked to end while there still is a network; a mere stop or restart of the unit
leaves them running. A script of `sh`, for it must work in the last seconds of a host."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose units they are."""

    settings: Settings
    user: str | None
    """The account of both programs; None for units of a user's own systemd."""
    runner_user: str | None
    suffix: str = ""

    @property
    def runner(self) -> str:
        return f"botdeck-runner{self.suffix}.service"

    @property
    def deck(self) -> str:
        return f"botdeck-deck{self.suffix}.service"

    def units(self) -> dict[str, str]:
        """Text by name."""
        return {self.runner: _runner_unit(self), self.deck: _deck_unit(self)}


def _runner_unit(place: Place) -> str:
    longest = max((bot.stop_timeout_s for bot in place.settings.bots), default=0.0)
    scope = "" if place.user else "--user "
    stop = _STOP_WITH_THE_HOST.format(scope=scope)
    return _unit(
        place,
        "runner",
        unit=[
            # Units end in reverse order: the deck still takes what the bots say last, and `systemctl` still answers.
            f"After={place.deck} network-online.target dbus.service" if place.user else f"After={place.deck}",
            *(["Wants=network-online.target"] if place.user else []),
        ],
        service=[
            *([f"User={place.runner_user}"] if place.runner_user else []),
            f"Environment={_quoted('PATH=' + _search_path())}",
            f"ExecStop=/bin/sh -c '{stop}'",
            f"TimeoutStopSec={max(LEAST_STOP_S, round(longest) + LAST_WORDS_S)}",
            "# The bots live in this unit, and go on when the runner ends, is killed or is started anew.",
            "KillMode=process",
            "Delegate=yes",
            "OOMPolicy=continue",
        ],
    )


def _deck_unit(place: Place) -> str:
    privileged = 0 < place.settings.deck.port < 1024
    port = ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"]
    confined = [
        "# The deck writes into its data_dir and nowhere else.",
        "ProtectSystem=strict",
        "ProtectHome=read-only",
        f"ReadWritePaths={_quoted(str(place.settings.data_dir))}",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "LockPersonality=yes",
        "SystemCallArchitectures=native",
        *(port if privileged else ["CapabilityBoundingSet="]),
    ]
    return _unit(
        place,
        "deck",
        unit=["After=network.target"] if place.user else [],
        service=[
            *([f"User={place.user}"] if place.user else []),
            "TimeoutStopSec=30",
            "NoNewPrivileges=yes",
            *(confined if place.user else []),
        ],
    )


def _unit(place: Place, program: str, *, unit: list[str], service: list[str]) -> str:
    config = place.settings.path
    lines = [
        "[Unit]",
        f"Description=Botdeck {program} for {_percent(str(config.parent))}",
        f"{CONFIG_KEY}={config}",
        *unit,
        # However often it fails, it is tried again.
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={_quoted(sys.executable)} -m botdeck.{program} --config {_quoted(str(config), dollar='$$')}",
        f"WorkingDirectory={_percent(str(config.parent))}",
        *service,
        "Restart=always",
        "RestartSec=1",
        "# 2 is a botdeck.toml that cannot be used: `systemctl status` says what is wrong with it.",
        "RestartPreventExitStatus=2",
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if place.user else 'default.target'}",
    ]
    return "\n".join(lines) + "\n"


def _search_path() -> str:
    """That of this shell, with the folder of this Python first: `python` means the same to a bot as it does here."""
    own = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([str(Path(sys.executable).parent), *filter(os.path.isabs, own)]))


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str, *, dollar: str = "$") -> str:
    """As one word. In commands `$` begins a variable."""
    text = _percent(text).replace("$", dollar)
    if re.fullmatch(r"[\w/.:=@%+,$-]+", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
