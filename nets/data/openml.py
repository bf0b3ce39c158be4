"""Data sets of OpenML: our own download of what scikit-learn then reads, without the network."""

import io
import json
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlparse
from urllib.response import addinfourl

import numpy as np
from numpy.typing import NDArray

from nets.data.download import FetchError, read_url
from perceptron_sim.progress import Progress

SERVER = "https://www.openml.org"


@dataclass(frozen=True)
class Entry:
    """What OpenML says of a data set.

    Attributes:
        data_id: its number.
        url: of the ARFF file.
        md5: of that file, hexadecimal.
        answers: the bytes of OpenML's answers, by the end of the path that was asked.
    """

    data_id: int
    url: str
    md5: str
    answers: dict[str, bytes]


def describe(data_id: int, progress: Progress | None = None) -> Entry:
    """Ask OpenML where the file of a data set is, its checksum and its columns.

    Raises:
        FetchError: if OpenML cannot be reached or answers something else.
    """
    paths = [f"/data/{data_id}", f"/data/features/{data_id}"]
    answers = {path: read_url(f"{SERVER}/api/v1/json{path}", progress) for path in paths}
    try:
        about = json.loads(answers[paths[0]])["data_set_description"]
        url, md5 = str(about["url"]), str(about["md5_checksum"]).lower()
    except (ValueError, KeyError, TypeError):
        raise FetchError(
            f"{SERVER} does not describe data set {data_id} as it used to: try again later"
        ) from None
    if urlparse(url).scheme not in ("http", "https"):
        raise FetchError(f"{SERVER} names {url!r} as the file of data set {data_id}: refused")
    # Only the number of rows is read from the qualities, and not by the parser used here.
    return Entry(data_id, url, md5, answers | {f"/data/qualities/{data_id}": b"{}"})


def read_arff(entry: Entry, arff: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return pixels (N, d) and labels (N,) of a downloaded file, read by scikit-learn.

    ``fetch_openml`` does the reading and checks the md5 once more; what it asks of the network is
    answered from ``entry`` and ``arff``. The folders of its own cache would do as well, but they
    are private and have changed between versions. Pixels are read as uint8: 0.7 GB for CIFAR-10,
    where the default takes 3.6 GB.

    Raises:
        FetchError: if scikit-learn cannot read the file, or a value is no integer 0..255.
    """
    from sklearn.datasets import fetch_openml

    try:
        columns = json.loads(entry.answers[f"/data/features/{entry.data_id}"])
        # As text: a class of integers, left to pandas 3, is one that scikit-learn trips over.
        types = {
            int(column["index"]): "str" if column["is_target"] == "true" else "uint8"
            for column in columns["data_features"]["feature"]
        }
        with _answered(entry, arff), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bunch = fetch_openml(
                data_id=entry.data_id,
                as_frame=False,
                parser="pandas",
                cache=False,
                read_csv_kwargs={"dtype": types},
            )
        labels = np.array([str(label).strip("'\" ") for label in bunch.target]).astype(np.uint8)
    except (ValueError, KeyError, TypeError, OverflowError, AttributeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FetchError(
            f"scikit-learn cannot read {arff} ({type(error).__name__}: {reason}): remove it to "
            "download it again, or try another version of scikit-learn"
        ) from None
    pixels = np.ascontiguousarray(bunch.data)
    if pixels.dtype != np.uint8:
        raise FetchError(f"{arff}: pixels are read as {pixels.dtype} instead of uint8")
    return pixels, labels


class _Answers(urllib.request.BaseHandler):
    """Answers requests from what was downloaded, whatever server they name."""

    def __init__(self, entry: Entry, arff: Path) -> None:
        self._entry, self._arff = entry, arff

    def https_open(self, request: urllib.request.Request) -> addinfourl:
        path = urlparse(request.full_url).path
        content: Any = None
        for end, answer in self._entry.answers.items():
            if path.endswith(end):
                content = io.BytesIO(answer)
        if content is None and "/json/" in path:
            raise URLError(f"{request.full_url} was not foreseen")
        return addinfourl(content or self._arff.open("rb"), Message(), request.full_url, 200)

    http_open = https_open


@contextmanager
def _answered(entry: Entry, arff: Path) -> Iterator[None]:
    """Let ``_Answers`` stand for the network while scikit-learn asks it."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(_Answers(entry, arff))
    before = urllib.request._opener  # type: ignore[attr-defined]
    urllib.request.install_opener(opener)
    try:
        yield
    finally:
        urllib.request.install_opener(before)
