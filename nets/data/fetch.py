"""Public data sets from OpenML, checked, as the archives that ``nets.data.archives`` reads."""

import io
from pathlib import Path

import numpy as np

from nets.data.archives import read_archive
from nets.data.download import check_room, download, writing
from nets.data.openml import describe, read_arff
from nets.data.paths import FILES, locate
from nets.data.sources import Source, check_content
from perceptron_sim.atomic import write_atomically
from perceptron_sim.progress import NoProgress, Progress


def present(source: Source, data_dir: Path | None = None) -> tuple[Path, int] | None:
    """Return the archive that is there and its number of images, or None.

    Args:
        source: the data set.
        data_dir: the only folder to look in; None searches ``nets.data.paths.search_path``.

    Raises:
        InputError: if the archive is damaged or holds something else.
    """
    path = data_dir / FILES[source.name] if data_dir is not None else locate(source.name)
    if path is None or not path.is_file():
        return None
    return path, len(read_archive(path, source.shape)[1])


def fetch(source: Source, folder: Path, progress: Progress | None = None) -> Path:
    """Download a data set, hold it against what is published of it, and write its archive.

    The file of OpenML is kept next to the archive until that is written, so that nothing is
    downloaded twice; an archive of the same name is replaced only by one that passed.

    Args:
        source: the data set.
        folder: where its archive goes; made if absent.
        progress: watcher; counts bytes while they arrive.

    Returns:
        The archive: uint8 x_train, y_train, x_test, y_test, channels last.

    Raises:
        FetchError: if network, server or disk fail, or the content is not that of the data set.
    """
    progress = progress or NoProgress()
    target = folder / FILES[source.name]
    arff = folder / f"{source.name}.arff"
    entry = describe(source.data_id, progress)
    download(entry.url, arff, entry.md5, source.size, progress)
    progress.note(f"{source.name}: downloaded, converting (about {source.size / 1.3e7:.0f} s)")
    pixels, labels = read_arff(arff)
    if len(source.shape) == 3 and pixels.shape[1] == np.prod(source.shape):
        # OpenML keeps the authors' rows: all of red, all of green, all of blue.
        height, width, channels = source.shape
        planes = pixels.reshape(-1, channels, height, width)
        pixels = np.ascontiguousarray(planes.transpose(0, 2, 3, 1)).reshape(pixels.shape)
    warning = check_content(source, pixels, labels)
    if warning:
        progress.note(warning)
    images = pixels.reshape(-1, *source.shape)
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        x_train=images[: source.train],
        y_train=labels[: source.train],
        x_test=images[source.train :],
        y_test=labels[source.train :],
    )
    content = packed.getvalue()
    with writing(target):
        check_room(folder, len(content))
        write_atomically(target, content)
        arff.unlink()
    return target
