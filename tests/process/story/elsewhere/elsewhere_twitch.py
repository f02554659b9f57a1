"""TwitchIO: the addresses of its HTTP API and of EventSub."""

import importlib


def point_at(addresses: str) -> None:
    http_url, socket_url = addresses.split(" ")
    route = importlib.import_module("twitchio.http").Route
    route.BASE, route.ID_BASE = f"{http_url}/helix/", f"{http_url}/"
    importlib.import_module("twitchio.eventsub.websockets").WSS = socket_url
