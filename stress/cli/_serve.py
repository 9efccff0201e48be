"""Pages in a folder, for a browser of this machine alone: nothing can be written, and nothing outside be read."""

from __future__ import annotations

import os
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perturbations import InputError
from stress.cli._display import say

__all__ = ["Pages", "serve_folder", "server"]

_HERE = "127.0.0.1"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".json": "application/json",
    ".tex": "text/plain; charset=utf-8", ".toml": "text/plain; charset=utf-8", ".svg": "image/svg+xml",
    ".pdf": "application/pdf", ".png": "image/png",
}  # fmt: skip
"""What is shown; a file of another kind is not."""


class Pages(SimpleHTTPRequestHandler):
    """Files of one folder, read only."""

    server_version, sys_version = "stress", ""
    protocol_version = "HTTP/1.0"

    def send_head(self) -> Any:
        """Return the file that is asked for, if whoever asks means this machine and the file lies in the folder."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in (_HERE, "localhost"):  # a page elsewhere that made its own name mean this machine
            return self._no(HTTPStatus.FORBIDDEN)
        root = Path(self.directory).resolve()
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        real = Path(os.path.realpath(path))
        inside = real.is_relative_to(root) and not any(part.startswith(".") for part in real.relative_to(root).parts)
        if not inside or real.suffix not in _TYPES or not real.is_file():
            return self._no(HTTPStatus.NOT_FOUND)
        size = real.stat().st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", _TYPES[real.suffix])
        self.send_header("Content-Length", str(size))
        self.end_headers()
        return real.open("rb")

    def _no(self, status: HTTPStatus) -> None:
        self.send_error(status)

    def end_headers(self) -> None:
        """Add what keeps a browser from guessing, framing and keeping."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a folder's pages, on this machine's own address. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError(f"serve: the folder must exist, got {folder}. `stress site RUNS… -o DIR` writes one.")

    def handler(*args: Any, **more: Any) -> Pages:
        return Pages(*args, directory=str(folder), **more)

    try:
        return ThreadingHTTPServer((_HERE, port), handler)
    except OSError as error:
        raise InputError(f"serve: port {port} cannot be used: {error.strerror}. --port 0 takes a free one.") from None


def serve_folder(folder: Path, port: int) -> None:
    """Serve a folder's pages until it is interrupted."""
    with server(folder, port) as found:
        say(f"http://{_HERE}:{found.server_port}/ – end with Ctrl-C")
        found.serve_forever()
