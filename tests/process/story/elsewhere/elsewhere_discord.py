"""discord.py, its forks and hikari: the address of the REST API, and discord.py's constant for the gateway."""

import importlib.util
import json
from urllib.request import urlopen


def point_at(api_url: str) -> None:
    # nextcord first: it has a `discord` as well, which is a shell around it.
    for library in list(filter(importlib.util.find_spec, ("nextcord", "disnake", "discord")))[:1]:
        http = importlib.import_module(f"{library}.http")
        # py-cord has a name of its own for it.
        setattr(http.Route, "API_BASE_URL" if hasattr(http.Route, "API_BASE_URL") else "BASE", api_url)
        socket = importlib.import_module(f"{library}.gateway").DiscordWebSocket
        if hasattr(socket, "DEFAULT_GATEWAY"):
            yarl = importlib.import_module("yarl")
            socket.DEFAULT_GATEWAY = yarl.URL(_gateway_url(api_url))
    if importlib.util.find_spec("hikari"):
        importlib.import_module("hikari.urls").REST_API_URL = api_url


def _gateway_url(api_url: str) -> str:
    with urlopen(f"{api_url}/gateway") as answer:
        return str(json.load(answer)["url"])
