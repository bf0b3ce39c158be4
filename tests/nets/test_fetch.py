"""Fetching data sets from a server on this machine: what survives, what is refused."""

import errno
import os
import urllib.request
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from openml_server import Server, arff, made_up, serving

from nets.data import archives, openml
from nets.data import download as download_module
from nets.data.archives import load_cifar10, load_mnist, read_archive
from nets.data.download import FetchError
from nets.data.fetch import fetch
from nets.data.sources import SOURCES, Source, check_content, row_digest
from perceptron_sim.progress import NoProgress


@pytest.fixture
def mnist(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Source, Server]]:
    """A made-up MNIST on a server of ours, and no waiting between tries."""
    source, server, _, _ = made_up("mnist")
    monkeypatch.setattr(download_module, "_WAITS_S", (0.0, 0.0, 0.0))
    with serving(server):
        monkeypatch.setattr(openml, "SERVER", server.url)
        yield source, server


class Watcher(NoProgress):
    """Keeps what it is told; breaks off like Ctrl-C once so many bytes have come."""

    def __init__(self, until: int | None = None) -> None:
        self.notes: list[str] = []
        self.bytes = 0
        self._until = until

    def advance(self, runs: int, cost: float) -> None:
        self.bytes += runs
        if self._until is not None and self.bytes >= self._until:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.notes.append(text)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _matches(folder: Path, source: Source) -> bool:
    pixels, labels, _ = read_archive(folder / f"{source.name}.npz", source.shape)
    return row_digest(np.column_stack([pixels, labels])) == source.order


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_archive_holds_the_images_channels_last(
    name: str, compressed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, server, images, labels = made_up(name)
    server.compressed = compressed
    opener = urllib.request.build_opener()
    monkeypatch.setattr(urllib.request, "_opener", opener)
    watcher = Watcher()
    with serving(server):
        monkeypatch.setattr(openml, "SERVER", server.url)
        path = fetch(source, tmp_path / "new" / "folder", watcher)
    with np.load(path) as archive:
        parts = dict(archive)
    assert {part.dtype for part in parts.values()} == {np.dtype(np.uint8)}
    assert np.array_equal(parts["x_train"], images[:100])
    assert np.array_equal(parts["x_test"], images[100:])
    assert np.array_equal(parts["y_train"], labels[:100])
    assert np.array_equal(parts["y_test"], labels[100:])
    assert _names(path.parent) == {f"{name}.npz"}
    assert watcher.bytes == len(server.arff)
    assert server.asked == [""]
    assert urllib.request._opener is opener


@pytest.mark.parametrize("compressed", [False, True])
def test_a_broken_connection_is_continued(mnist, compressed: bool, tmp_path: Path) -> None:
    source, server = mnist
    server.compressed = compressed
    server.cuts = [2000, 1500, 1]
    watcher = Watcher()
    fetch(source, tmp_path, watcher)
    assert _matches(tmp_path, source)
    starts = [int(asked[6:-1]) for asked in server.asked[1:]]
    assert starts[1:] == [starts[0] + 1500, starts[0] + 1501]
    # Every byte came once; compressed, the first 2000 are more than 2000 of the file.
    assert watcher.bytes == len(server.arff)
    assert starts[0] == 2000 or (compressed and starts[0] > 2000)
    assert sum("closed early; trying again" in note for note in watcher.notes) == 3


def test_what_came_before_an_error_is_continued_by_the_next_call(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.cuts = [3000]
    server.statuses = [None, 503, 503, 503, 503]
    with pytest.raises(FetchError, match=r"0.0 MB are kept and the same command resumes"):
        fetch(source, tmp_path)
    assert _names(tmp_path) == {"mnist.arff.part"}
    assert (tmp_path / "mnist.arff.part").read_bytes() == server.arff[:3000]
    server.asked.clear()
    fetch(source, tmp_path)
    assert server.asked == ["bytes=3000-"]
    assert _matches(tmp_path, source)


def test_an_interrupt_keeps_what_has_come(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.cuts = [3000, None]
    with pytest.raises(KeyboardInterrupt):
        fetch(source, tmp_path, Watcher(until=3000))
    assert (tmp_path / "mnist.arff.part").read_bytes() == server.arff[:3000]
    fetch(source, tmp_path)
    assert _matches(tmp_path, source)
    assert server.asked == ["", "bytes=3000-"]


def test_a_server_without_ranges_starts_over(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.ranges = False
    server.cuts = [3000, 2000]
    fetch(source, tmp_path)
    assert server.asked == ["", "bytes=3000-", "bytes=2000-"]
    assert _matches(tmp_path, source)


def test_a_server_that_always_cuts_is_given_up(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.ranges = False
    server.cuts = [3000, 2000, 2500, 2900, 3000, 2000]
    with pytest.raises(FetchError, match=r"closed early.*after 4 tries in vain"):
        fetch(source, tmp_path)
    assert len(server.asked) == 5


def test_the_wrong_range_is_refused(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.cuts = [3000]
    server.shift = 5
    with pytest.raises(FetchError, match="byte 3000 was asked for and 'bytes 3005' sent"):
        fetch(source, tmp_path)
    assert (tmp_path / "mnist.arff.part").stat().st_size == 3000


def test_a_foreign_part_is_replaced(mnist, tmp_path: Path) -> None:
    source, server = mnist
    part = tmp_path / "mnist.arff.part"
    for rubbish in (b"x" * 100, b"x" * (len(server.arff) + 100)):
        part.write_bytes(rubbish)
        fetch(source, tmp_path)
        assert _matches(tmp_path, source)
        assert _names(tmp_path) == {"mnist.npz"}


def test_what_is_complete_is_not_downloaded_again(mnist, tmp_path: Path) -> None:
    source, server = mnist
    for name in ("mnist.arff", "mnist.arff.part"):
        (tmp_path / name).write_bytes(server.arff)
        fetch(source, tmp_path)
        assert _names(tmp_path) == {"mnist.npz"}
    assert server.asked == []


def test_a_wrong_checksum_is_refused(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.md5 = "0" * 32
    with pytest.raises(FetchError, match=f"md5 checksum is [0-9a-f]{{32}} instead of {'0' * 32}"):
        fetch(source, tmp_path)
    assert _names(tmp_path) == set()


def test_errors_of_the_server(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.statuses = [404]
    with pytest.raises(FetchError, match="answers HTTP 404 Not Found"):
        fetch(source, tmp_path)
    assert len(server.asked) == 1
    server.statuses = [503, 429]
    fetch(source, tmp_path)
    assert _matches(tmp_path, source)


def test_no_network(mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine is closed.
    monkeypatch.setattr(openml, "SERVER", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"Connection refused.*4 tries in vain: check the net"):
        fetch(mnist[0], tmp_path)
    assert _names(tmp_path) == set()


def test_a_description_that_is_none(mnist, tmp_path: Path) -> None:
    source, server = mnist
    server.answer = lambda path: b'{"error": 1}'  # type: ignore[method-assign]
    with pytest.raises(FetchError, match="does not describe data set 554"):
        fetch(source, tmp_path)


def test_a_full_disk(mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = mnist
    (tmp_path / "mnist.arff.part").symlink_to("/dev/full")
    with pytest.raises(FetchError, match=r"mnist.arff.part \(No space left on device\): make room"):
        fetch(source, tmp_path)
    (tmp_path / "mnist.arff.part").unlink()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: usage(1, 1, 0))
    with pytest.raises(FetchError, match="has 0 MB left and 0 MB are needed"):
        fetch(source, tmp_path)
    assert _names(tmp_path) == set()


def test_a_disk_that_fills_while_the_archive_is_written(
    mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, server = mnist

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("perceptron_sim.atomic.os.fsync", full)
        with pytest.raises(FetchError, match=r"mnist.npz \(No space left on device\)"):
            fetch(source, tmp_path)
    assert _names(tmp_path) == {"mnist.arff"}
    fetch(source, tmp_path)
    assert len(server.asked) == 1


def test_a_folder_that_may_not_be_written(mnist) -> None:
    with pytest.raises(FetchError, match=r"cannot write /proc/none/mnist\.arff\.part"):
        fetch(mnist[0], Path("/proc/none"))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("pixel", "pixels or labels that are not those of the authors"),
        ("labels", "pixels or labels that are not those of the authors"),
        ("mean", "mean 12.*instead of"),
        ("classes", "200 images of 16 numbers, by label"),
        ("images", "199 images of 16 numbers"),
        ("columns", "200 images of 15 numbers"),
        ("negative", "mnist.arff cannot be read"),
        ("large", "mnist.arff cannot be read"),
        ("missing", "mnist.arff cannot be read"),
    ],
)
def test_other_content_is_refused_and_what_was_there_stays(
    how: str, message: str, mnist, tmp_path: Path
) -> None:
    source, server = mnist
    _, _, images, labels = made_up("mnist")
    pixels = images.reshape(200, 16).astype(int)
    if how == "pixel":
        # Two pixels change places: moments and classes stay.
        pixels[0, :2] = pixels[0, 1::-1]
    elif how == "labels":
        labels[:2] = labels[1::-1]
    elif how == "mean":
        pixels[:, 0] = 255 - pixels[:, 0]
    elif how == "classes":
        labels[0] = 1
    elif how == "images":
        pixels, labels = pixels[1:], labels[1:]
    elif how == "columns":
        pixels = pixels[:, 1:]
    else:
        pixels[0, 0] = {"negative": -1, "large": 256, "missing": 0}[how]
    server.arff, server.columns = arff(pixels, labels)
    if how == "missing":
        server.arff = server.arff.replace(b"@DATA\n0,", b"@DATA\n?,")
    (tmp_path / "mnist.npz").write_bytes(b"old")
    with pytest.raises(FetchError, match=message) as caught:
        fetch(source, tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "mnist.npz").read_bytes() == b"old"


def test_quoted_classes_and_integers_with_a_point_are_read(mnist, tmp_path: Path) -> None:
    source, server = mnist
    head, data = server.arff.decode().split("@DATA\n")
    lines = [line.rsplit(",", 1) for line in data.splitlines()]
    quoted = "\n".join(f"{pixels.replace(',', '.0,')},'{label}'" for pixels, label in lines)
    server.arff = f"{head}@DATA\n{quoted}\n".encode()
    fetch(source, tmp_path)
    assert _matches(tmp_path, source)


def test_another_order_is_told(mnist, tmp_path: Path) -> None:
    source, server = mnist
    _, _, images, labels = made_up("mnist")
    server.arff, _ = arff(images[::-1].reshape(200, 16), labels[::-1])
    watcher = Watcher()
    fetch(source, tmp_path, watcher)
    assert sum("not in the order of the authors' files" in note for note in watcher.notes) == 1
    watcher = Watcher()
    source = replace(source, known=(slice(5), slice(-5, None)), bag=None)
    fetch(source, tmp_path, watcher)
    assert sum("not in the order of the authors' files" in note for note in watcher.notes) == 1


@pytest.mark.skipif(
    not (Path(os.environ.get("PERCEPTRON_SIM_DATA", "-")) / "cifar10.npz").is_file(),
    reason="needs real data: set PERCEPTRON_SIM_DATA",
)
def test_the_facts_are_those_of_the_real_images(monkeypatch) -> None:
    folder = Path(os.environ["PERCEPTRON_SIM_DATA"])
    source = SOURCES["mnist"]
    pixels, labels, n_train = read_archive(folder / "mnist.npz", source.shape)
    # Loaded from what was read: archives of this size are read once.
    monkeypatch.setattr(archives, "read_archive", lambda *_: (pixels, labels, n_train))
    assert load_mnist(folder).moments == pytest.approx((33.3860, 78.6544), abs=1e-3)
    assert row_digest(np.column_stack([pixels, labels])) == source.order
    # The same images in another order: all else is as it should be.
    swap = np.arange(70_000)
    swap[[3, 5]] = [5, 3]
    assert "not in the order" in check_content(source, pixels[swap], labels[swap])
    pixels[0, [0, pixels[0].argmax()]] = pixels[0, [pixels[0].argmax(), 0]]
    with pytest.raises(FetchError, match="not those of the authors"):
        check_content(source, pixels, labels)
    source = SOURCES["cifar10"]
    pixels, labels, n_train = read_archive(folder / "cifar10.npz", source.shape)
    cifar = load_cifar10(folder)
    assert cifar.moments == pytest.approx((120.8482, 64.1665), abs=1e-3)
    assert (cifar.y == -1).sum() == 3986 + 3986 + 3997 + 3978 + 4000
    rows = np.column_stack([pixels, labels])
    # Batch 5 of the training part may be missing: the digest is of what lies around it.
    known = np.concatenate([rows[: source.known[0].stop], rows[-10_000:]])
    assert row_digest(known) == source.order
