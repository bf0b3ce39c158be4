"""Serve a report to this machine only, and make it again when runs are added."""

import errno
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from perceptron_sim.claims import Judgement
from perceptron_sim.errors import InputError
from perceptron_sim.report.page import page
from perceptron_sim.report.write import FIGURE

_LOOPBACK = "127.0.0.1"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Content:
    """The served files: names without paths, their bytes, and a revision that changes with them."""

    files: Mapping[str, bytes]
    revision: str

    @classmethod
    def of(cls, judgements: Sequence[Judgement], paths: Sequence[Path]) -> "Content":
        """Take the files of a written report, its page replaced by one that follows the server."""
        files = {path.name: path.read_bytes() for path in paths}
        summary = json.loads(files["summary.json"])
        images = {
            path.stem.removeprefix(FIGURE): files[path.name]
            for path in paths
            if path.suffix == ".svg"
        }
        files["report.html"] = page(judgements, summary, images, live=True).encode()
        digest = hashlib.sha256()
        for name, content in sorted(files.items()):
            digest.update(name.encode() + b"\0" + content)
        return cls(files, digest.hexdigest()[:16])


class _Server(ThreadingHTTPServer):
    # Two servers on one port would answer in turns.
    allow_reuse_address = False
    daemon_threads = True


class ReportServer:
    """An HTTP server on the loopback interface. Only this machine can reach it."""

    def __init__(self, content: Content, port: int = 0) -> None:
        """Listen on ``port``, any free one for 0.

        Raises:
            InputError: if the port cannot be had.
        """
        self._content = content
        try:
            self._server = _Server((_LOOPBACK, port), _handler(lambda: self._content))
        except OSError as error:
            why = "taken" if error.errno == errno.EADDRINUSE else f"not to be had ({error})"
            raise InputError(f"port {port} is {why}: give another after --serve") from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{_LOOPBACK}:{self._server.server_address[1]}/"

    def replace(self, content: Content) -> None:
        """Serve newer content from now on."""
        self._content = content

    def __enter__(self) -> "ReportServer":
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def fingerprint(folders: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return a value that changes when runs or a summary are added to the folders."""
    found = []
    for folder in folders:
        for path in sorted((*folder.glob("runs/[!.]*.parquet"), folder / "summary.json")):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            found.append((str(path), state.st_size, state.st_mtime_ns))
    return tuple(found)


def _handler(content: Callable[[], Content]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "perceptron-sim"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, body: bool) -> None:
            # A page elsewhere can point a name of its own at this machine and read what it
            # serves; such requests carry that name.
            port = self.connection.getsockname()[1]
            if self.headers.get_all("Host") not in ([f"{_LOOPBACK}:{port}"], [f"localhost:{port}"]):
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return
            now = content()
            name = self.path.partition("?")[0].removeprefix("/") or "report.html"
            if name == "revision.json":
                found: bytes | None = json.dumps({"revision": now.revision}).encode()
            else:
                found = now.files.get(name)
            if found is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _KINDS[Path(name).suffix])
            self.send_header("Content-Length", str(len(found)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("X-Frame-Options", "DENY")
            self.end_headers()
            if body:
                self.wfile.write(found)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: stderr is for the user."""

    return Handler
