"""Serves the built pages from deck/static/, under any base path."""

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from botdeck.deck.errors import problem

STATIC = Path(__file__).parent / "static"
_BASE = re.compile(r"<base\b[^>]*>", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_NOT_BUILT = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Botdeck</title></head><body>
<h1>The deck runs, but its pages are not built</h1>
<p>Build them in the checkout with <code>make pages</code> and load this page again. The interface for programs works
all the same; <code>botdeck ps</code> shows the bots.</p></body></html>"""


class Pages:
    """ASGI. Any path that is no file is the app's own, so its router gets index.html."""

    def __init__(self, base_path: str, static: Path = STATIC) -> None:
        self._base_path = base_path
        self._static = static
        self._files = StaticFiles(directory=static, check_dir=False)
        self._index: tuple[int, str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            answer: Response = problem(405, "Pages can only be read.", headers={"Allow": "GET, HEAD"})
        else:
            answer = await self._answer(scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        path = self._files.get_path(scope)
        if path in (".", "index.html"):
            return self._index_page()
        try:
            answer = await self._files.get_response(path, scope)
        except HTTPException:
            # A script that is not there must not be answered with a page.
            return problem(404, f"There is no {path}.") if path.startswith("assets/") else self._index_page()
        # The build puts a hash of the content into the names of assets.
        hashed = path.startswith("assets/")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return answer

    def _index_page(self) -> Response:
        path = self._static / "index.html"
        try:
            changed = path.stat().st_mtime_ns
            if self._index is None or self._index[0] != changed:
                self._index = (changed, with_base(path.read_text("utf-8"), self._base_path))
        except OSError:
            return HTMLResponse(_NOT_BUILT, 503, {"Cache-Control": "no-store"})
        return HTMLResponse(self._index[1], headers={"Cache-Control": "no-cache"})


def with_base(html: str, base_path: str) -> str:
    """The page with its <base href> set, so that its relative addresses and its router know where they live."""
    # base_path comes from settings, which allow nothing that HTML would need quoted.
    base = f'<base href="{base_path}">'
    if _BASE.search(html):
        return _BASE.sub(base, html, count=1)
    return _HEAD.sub(lambda head: head[0] + base, html, count=1)
