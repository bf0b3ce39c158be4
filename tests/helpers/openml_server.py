"""A small OpenML on this machine, with made-up data sets and the faults of real servers."""

import gzip
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from nets.data.sources import Source


@dataclass
class Server:
    """What it serves, how it misbehaves, and what it was asked."""

    arff: bytes
    columns: list[str]
    md5: str = ""
    ranges: bool = True
    compressed: bool = False
    # Bytes of the ARFF file after which each request in turn is cut off; None: never.
    cuts: list[int | None] = field(default_factory=list)
    # Status of each request for the file in turn instead of the file; None: the file.
    statuses: list[int | None] = field(default_factory=list)
    shift: int = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> bytes | None:
        """Return the JSON for a path of the interface, or None."""
        if "/data/features/" in path:
            feature = [
                {
                    "index": str(i),
                    "name": name,
                    "data_type": "nominal" if name == "class" else "numeric",
                    "is_target": str(name == "class").lower(),
                    "is_ignore": "false",
                    "is_row_identifier": "false",
                    "number_of_missing_values": "0",
                }
                for i, name in enumerate(self.columns)
            ]
            return json.dumps({"data_features": {"feature": feature}}).encode()
        if "/json/data/" in path:
            about = {
                "id": path.rsplit("/", 1)[1],
                "name": "made-up",
                "version": "1",
                "status": "active",
                "format": "ARFF",
                "description": "",
                "url": f"{self.url}/data/v1/download/1/made-up.arff",
                "md5_checksum": self.md5 or hashlib.md5(self.arff).hexdigest(),
            }
            return json.dumps({"data_set_description": about}).encode()
        return None


class _Handler(http.server.BaseHTTPRequestHandler):
    state: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        state = self.state
        content = state.answer(self.path)
        if content is not None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        wanted = self.headers.get("Range", "")
        state.asked.append(wanted)
        status = state.statuses.pop(0) if state.statuses else None
        if status is not None:
            self.send_error(status)
            return
        body = state.arff
        coded = state.compressed and "gzip" in self.headers.get("Accept-Encoding", "")
        if coded:
            # Ranges count the bytes of what is sent.
            body = gzip.compress(body)
        start = int(wanted[6:-1]) if wanted and state.ranges else 0
        if wanted and state.ranges:
            if start >= len(body):
                self.send_error(416)
                return
            start += state.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        if coded:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = state.cuts.pop(0) if state.cuts else None
        self.wfile.write(body[:cut])
        self.wfile.flush()


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Answer on a port of this machine."""
    handler = type("Handler", (_Handler,), {"state": server})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


def made_up(name: str, n: int = 200) -> tuple[Source, Server, np.ndarray, np.ndarray]:
    """Return a source, a server of it, its images (N, 4, 4[, 3]) and labels (N,)."""
    rng = np.random.default_rng(0)
    shape = (4, 4, 3) if name == "cifar10" else (4, 4)
    images = rng.integers(0, 256, (n, *shape)).astype(np.uint8)
    labels = (np.arange(n) % 10).astype(np.uint8)
    rows = np.column_stack([images.reshape(n, -1), labels])
    channels = images.reshape(-1, *shape[2:] or (1,)).astype(float)
    source = Source(
        name=name,
        data_id=554,
        size=1000,
        shape=shape,
        train=n // 2,
        per_class=(n // 10,) * 10,
        mean=tuple(channels.mean(0)),
        std=tuple(channels.std(0)),
        bag=hashlib.sha256(
            b"".join(sorted(hashlib.sha256(bytes(row)).digest() for row in rows.tolist()))
        ).hexdigest(),
        known=(slice(None),),
        order=hashlib.sha256(rows.tobytes()).hexdigest(),
    )
    planes = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images
    return source, Server(*arff(planes.reshape(n, -1), labels)), images, labels


def arff(pixels: np.ndarray, labels: np.ndarray) -> tuple[bytes, list[str]]:
    """Return the text of an ARFF file, as OpenML writes it, and its columns."""
    columns = [*(f"pixel{i}" for i in range(pixels.shape[1])), "class"]
    head = "".join(f"@ATTRIBUTE {name} NUMERIC\n" for name in columns[:-1])
    lines = (",".join(map(str, [*row, label])) for row, label in zip(pixels, labels, strict=True))
    text = f"@RELATION made-up\n\n{head}@ATTRIBUTE class {{0,1,2,3,4,5,6,7,8,9}}\n\n@DATA\n"
    return (text + "\n".join(lines) + "\n").encode(), columns
