"""Data sets of OpenML: what it says of them, and the pixels and labels in their ARFF files."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nets.data.download import FetchError, read_url
from perceptron_sim.errors import reason_of
from perceptron_sim.progress import Progress

SERVER = "https://www.openml.org"
# The attribute that holds the labels in the data sets known here; the others are pixels.
_LABEL = "class"


@dataclass(frozen=True)
class Entry:
    """What OpenML says of a data set.

    Attributes:
        url: of the ARFF file.
        md5: of that file, hexadecimal.
    """

    url: str
    md5: str


def describe(data_id: int, progress: Progress | None = None) -> Entry:
    """Ask OpenML where the file of a data set is, and its checksum.

    Raises:
        FetchError: if OpenML cannot be reached or answers something else.
    """
    answer = read_url(f"{SERVER}/api/v1/json/data/{data_id}", progress)
    try:
        about = json.loads(answer)["data_set_description"]
        url, md5 = str(about["url"]), str(about["md5_checksum"]).lower()
    except (ValueError, KeyError, TypeError):
        raise FetchError(
            f"{SERVER} does not describe data set {data_id} as it used to: try again later"
        ) from None
    if urlparse(url).scheme not in ("http", "https"):
        raise FetchError(f"{SERVER} names {url!r} as the file of data set {data_id}: refused")
    return Entry(url, md5)


def read_arff(arff: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return pixels (N, d) and labels (N,) of a file: below its header it is CSV, read by pandas.

    Pixels are read as uint8: 0.7 GB for CIFAR-10, where the default takes 3.6 GB.

    Raises:
        FetchError: if there is no such table, or a value is not an integer 0..255.
    """
    names: list[str] = []
    try:
        with arff.open(encoding="utf-8") as file:
            while (line := file.readline()).strip().lower() != "@data":
                if not line:
                    raise ValueError("it has no line @DATA")
                if line.lower().startswith("@attribute"):
                    names.append(line.split()[1].strip("'\""))
            table = pd.read_csv(
                file,
                names=names,
                index_col=False,
                comment="%",
                na_values="?",
                keep_default_na=False,
                dtype={name: "str" if name == _LABEL else "uint8" for name in names},
            )
        labels = np.asarray(table.pop(_LABEL).str.strip("'\" "), dtype=np.uint8)
        return np.asarray(table, dtype=np.uint8), labels
    except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
        raise FetchError(
            f"{arff} cannot be read ({reason_of(error)}): remove it to download it again"
        ) from None
