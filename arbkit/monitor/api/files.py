"""The files of the dashboard, read once at the start: no path of a request reaches the disk."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

__all__ = ["Files"]

_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "woff2": "font/woff2",
}


class Files:
    """All files of the folder that a browser may ask for."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        root = files("arbkit.monitor") / "dashboard"
        if root.is_dir():
            self._read(root, "")

    def _read(self, folder: Traversable, path: str) -> None:
        for item in folder.iterdir():
            if item.is_dir():
                self._read(item, f"{path}{item.name}/")
            elif kind := _TYPES.get(item.name.rpartition(".")[2]):
                body = item.read_bytes()
                self._files[path + item.name] = body, kind, f'"{sha256(body).hexdigest()[:32]}"'

    async def serve(self, request: web.Request) -> web.Response:
        """``/`` is ``index.html``."""
        found = self._files.get(request.match_info["path"] or "index.html")
        if found is None:
            raise web.HTTPNotFound(text="there is no such page")
        body, kind, tag = found
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        charset = "utf-8" if kind.startswith("text/") else None
        return web.Response(body=body, content_type=kind, charset=charset, headers=headers)
