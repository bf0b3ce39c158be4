"""What is known of the public data sets: where OpenML has them and what they must hold."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nets.data.download import FetchError
from nets.data.images import moments_of

# Of a mean or standard deviation, in grey levels 0..255.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Source:
    """A data set on OpenML and the published facts that its content is held against.

    Attributes:
        name: data set, a key of ``nets.data.paths.FILES``.
        data_id: of OpenML.
        size: of the ARFF file, about, in bytes.
        shape: of an image, channels last.
        train: images of the training part, which comes first.
        per_class: images with label 0, 1, ..
        mean, std: over all images, one for each channel, in grey levels.
        bag: ``bag_digest`` of all images, or None if it is not known.
        known: parts of the rows whose ``row_digest`` in the authors' order is ``order``.
        order: see ``known``.
    """

    name: str
    data_id: int
    size: int
    shape: tuple[int, ...]
    train: int
    per_class: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bag: str | None
    known: tuple[slice, ...]
    order: str

    @property
    def images(self) -> int:
        """Number of images, both parts."""
        return sum(self.per_class)


# Moments and digests from the authors' files (train-images-idx3-ubyte and so on).
_MNIST = Source(
    name="mnist",
    data_id=554,
    size=128_000_000,
    shape=(28, 28),
    train=60_000,
    per_class=(6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958),
    mean=(33.385964,),
    std=(78.654374,),
    bag="f61a719b6fd94f4e04811e53dda3c78f5cd07b2d48f36c353dd0b453aab660e0",
    known=(slice(None),),
    order="5ce027aa0b326f2a3392d3cec93da4c6323a885043064e7d094281dc7d435b2b",
)
# Moments: those published for the training part, in units of 255 mean (0.49139968, 0.48215841,
# 0.44653091) and std (0.24703223, 0.24348513, 0.26158784), with those of the authors' test batch.
# The digest is of data_batch_1 to 4 and test_batch.
_CIFAR10 = Source(
    name="cifar10",
    data_id=40927,
    size=660_000_000,
    shape=(32, 32, 3),
    train=50_000,
    per_class=(6000,) * 10,
    mean=(125.426539, 123.076746, 114.030205),
    std=(62.977659, 62.064180, 66.706110),
    bag=None,
    known=(slice(40_000), slice(50_000, None)),
    order="00b455492b355198187c0c8828db3542c77ca6bb70a41139d1bff137d6455b61",
)
SOURCES = {source.name: source for source in (_MNIST, _CIFAR10)}


def check_content(source: Source, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> str:
    """Hold a data set against what is published of it.

    Args:
        source: what is known.
        pixels: shape (N, d), uint8, channels last.
        labels: shape (N,), uint8.

    Returns:
        A warning if the images are not known to be in the authors' order, else "".

    Raises:
        FetchError: if it is not the data set.
    """
    pixels = pixels.reshape(len(labels), -1)
    counts = tuple(map(int, np.bincount(labels)))
    if counts != source.per_class or pixels.shape[1] != np.prod(source.shape):
        raise _wrong(
            source,
            f"{len(labels)} images of {pixels.shape[1]} numbers, by label {counts}, instead of "
            f"{source.images} of {np.prod(source.shape)}, by label {source.per_class}",
        )
    n = len(source.mean)
    moments = np.array([moments_of(pixels[:, channel::n]) for channel in range(n)]).T
    facts = {"mean": source.mean, "standard deviation": source.std}
    for found, (name, known) in zip(moments, facts.items(), strict=True):
        if np.abs(found - known).max() > _TOLERANCE:
            raise _wrong(source, f"{name} {_numbers(found)} instead of {_numbers(known)}")
    rows = np.column_stack([pixels, labels])
    if source.bag is not None and bag_digest(rows) != source.bag:
        raise _wrong(source, "pixels or labels that are not those of the authors' files")
    if row_digest(np.concatenate([rows[part] for part in source.known])) != source.order:
        return (
            f"{source.name}: the images are not in the order of the authors' files; a seed draws "
            "other subsets from this file than from one in that order"
        )
    return ""


def row_digest(rows: NDArray[np.uint8]) -> str:
    """Return the sha256 of rows of pixels and label, shape (N, d + 1), in their order."""
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()


def bag_digest(rows: NDArray[np.uint8]) -> str:
    """Return the sha256 of the sorted sha256 of each row: the same in any order."""
    digests = sorted(hashlib.sha256(row).digest() for row in np.ascontiguousarray(rows))
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _wrong(source: Source, what: str) -> FetchError:
    return FetchError(
        f"what OpenML calls data set {source.data_id} is not {source.name}: {what}; nothing is "
        "written, put a file of your own where it is looked for"
    )


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
