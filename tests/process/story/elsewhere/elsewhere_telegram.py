"""python-telegram-bot's default for the address of the API, and aiogram's constant."""

import importlib
import importlib.util


def point_at(address: str) -> None:
    if importlib.util.find_spec("telegram"):
        builder = importlib.import_module("telegram.ext").ApplicationBuilder
        build = builder.__init__

        def init(self):
            build(self)
            self.base_url(f"{address}/bot")

        builder.__init__ = init
    if importlib.util.find_spec("aiogram"):
        api = importlib.import_module("aiogram.client.telegram").PRODUCTION
        object.__setattr__(api, "base", f"{address}/bot{{token}}/{{method}}")
