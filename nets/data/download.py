"""Downloads over HTTP that go on where they were broken off, and end with a checksum."""

import hashlib
import http.client
import shutil
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError

from perceptron_sim.progress import NoProgress, Progress

R = TypeVar("R")

_TIMEOUT_S = 30.0
# Between tries that bring nothing new; a try that brings something starts the count again.
_WAITS_S = (1.0, 2.0, 4.0)
_CHUNK = 1 << 16
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_EARLY = "the connection was closed early"


class FetchError(OSError):
    """Network, server or disk failed: one line with the remedy; the command line exits with 1."""


class _Dropped(Exception):
    """A failure that may pass: worth another try."""


def read_url(url: str, progress: Progress | None = None) -> bytes:
    """Return the content of a small file, after up to four tries.

    Raises:
        FetchError: if it cannot be had.
    """

    def read() -> bytes:
        with closing(_open(url, {})) as response:
            content = b"".join(_chunks(response))
            if len(content) < (_length(response) or 0):
                raise _Dropped(_EARLY)
            return content

    return _persist(read, url, lambda: 0, progress or NoProgress())


def download(url: str, target: Path, md5: str, size: int, progress: Progress | None = None) -> None:
    """Bring ``url`` to ``target``, which has that name only when complete and checked.

    Bytes are kept in ``target`` + ".part"; what lies there is continued by a range request, or
    replaced if the server knows no ranges. The first request may be answered compressed (MNIST as
    text to an eighth, CIFAR-10 to a third); what is kept is always the file itself.

    Args:
        url: http or https.
        target: file; its folder is made.
        md5: of the whole file, hexadecimal.
        size: about how many bytes the file has, for progress and space on the disk.
        progress: watcher; counts bytes.

    Raises:
        FetchError: if network, server or disk fail for good, or the checksum is wrong twice
            (once, if nothing was there to be continued); only a wrong file is removed.
    """
    progress = progress or NoProgress()
    part = target.with_name(target.name + ".part")
    with writing(part):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and file_md5(target) == md5:
            return
        # A process may have died between the last byte and the final name.
        continuing = part.is_file()
        if continuing and file_md5(part) == md5:
            part.replace(target)
            return
        check_room(target.parent, size - _size(part))
    while True:
        _persist(lambda: _transfer(url, part, size, progress), url, lambda: _size(part), progress)
        with writing(part):
            found = file_md5(part)
            if found == md5:
                part.replace(target)
                return
            part.unlink()
        if not continuing:
            raise FetchError(
                f"{url}: the md5 checksum is {found} instead of {md5}: the file is removed; try "
                "again later, or from another network"
            )
        progress.note(f"{target.name}: wrong checksum after continuing; starting over")
        continuing = False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a disk refuses while ``path`` is written into a ``FetchError``."""
    try:
        yield
    except FetchError:
        raise
    except OSError as error:
        raise FetchError(
            f"cannot write {path} ({error.strerror or error}): make room or give --data-dir a "
            "folder that you may write; what is complete is kept"
        ) from None


def file_md5(path: Path) -> str:
    """Return the hexadecimal md5 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def check_room(folder: Path, size: int) -> None:
    """Raise a ``FetchError`` if ``folder`` has no space for ``size`` bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise FetchError(
            f"{folder} has {free / 1e6:.0f} MB left and {size / 1e6:.0f} MB are needed: make "
            "room, or give --data-dir another folder"
        )


def _transfer(url: str, part: Path, size: int, progress: Progress) -> None:
    """Append to ``part`` what it lacks, or write it anew if the server cannot continue."""
    have = _size(part)
    # A range counts the bytes of what is sent, so what is continued must not be compressed.
    wanted = (
        {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
        if have
        else {"Accept-Encoding": "gzip"}
    )
    try:
        response = _open(url, wanted)
    except HTTPError as error:  # 416: there is nothing beyond what we have, so that is wrong
        with writing(part):
            part.unlink()
        raise _Dropped(f"HTTP {error.code}") from None
    with closing(response):
        continued = response.status == 206
        start = response.headers.get("Content-Range", "").split("-")[0]
        if continued and start != f"bytes {have}":
            raise FetchError(f"{url}: byte {have} was asked for and {start!r} sent; try again")
        coding = response.headers.get("Content-Encoding", "identity")
        if coding not in ("identity", "gzip"):
            raise FetchError(f"{url} is sent as {coding}, which was not asked for; try again")
        unpack = zlib.decompressobj(wbits=31) if coding == "gzip" else None
        whole = _length(response)
        left = max(0, size - (have if continued else 0)) if unpack or whole is None else whole
        progress.start(part.name.removesuffix(".part"), left, left)
        received = 0
        try:
            with writing(part), part.open("ab" if continued else "wb") as file:
                for chunk in _chunks(response):
                    received += len(chunk)
                    data = unpack.decompress(chunk) if unpack else chunk
                    file.write(data)
                    progress.advance(len(data), len(data))
        except zlib.error as error:
            raise _Dropped(f"damaged on the way: {error}") from None
        finally:
            progress.finish()
        if (whole is not None and received < whole) or (unpack and not unpack.eof):
            raise _Dropped(_EARLY)


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    """Return the open response; an ``HTTPError`` of code 416 is left to the caller."""
    try:
        request = urllib.request.Request(url, headers=headers)
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except HTTPError as error:
        error.close()
        if error.code == 416 and "Range" in headers:
            raise
        if error.code in _PASSING:
            raise _Dropped(f"HTTP {error.code} {error.reason}") from None
        raise FetchError(
            f"{url} answers HTTP {error.code} {error.reason}: look there in a browser, or put the "
            "file where it is looked for by hand"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(_reason(error)) from None
    return response


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Dropped(_reason(error)) from None
        if not chunk:
            return
        yield chunk


def _persist(
    action: Callable[[], R],
    url: str,
    have: Callable[[], int],
    progress: Progress,
) -> R:
    """Repeat ``action`` while it is dropped; ``have`` counts the bytes that it has brought."""
    idle, most = 0, have()
    while True:
        try:
            return action()
        except _Dropped as error:
            kept = have()
            # More than ever before, for a server that always starts over must not go on for ever.
            idle, most = (0, kept) if kept > most else (idle + 1, most)
            if idle > len(_WAITS_S):
                held = f"{kept / 1e6:.1f} MB are kept and the same command resumes" if kept else ""
                raise FetchError(
                    f"{url} cannot be had ({error}) after {idle} tries in vain: check the network"
                    f"{'; ' + held if held else ', then repeat the command'}"
                ) from None
            wait = _WAITS_S[max(0, idle - 1)]
            progress.note(f"{url}: {error}; trying again in {wait:.0f} s")
            time.sleep(wait)


def _length(response: http.client.HTTPResponse) -> int | None:
    """Return the bytes that the server means to send, if it says so."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
