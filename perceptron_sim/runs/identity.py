"""Hashes that identify runs, and the random streams that they seed."""

import hashlib
import json
from typing import Any

import numpy as np


def key_of(identity: dict[str, Any]) -> str:
    """Return the name of a run: 24 hex digits of the hash of its canonical JSON."""
    return digest_of(_canonical(identity))


def digest_of(canonical: str) -> str:
    """Return the name of a run whose identity is ``canonical`` JSON: sorted keys, no spaces."""
    return hashlib.sha256(canonical.encode()).hexdigest()[:24]


def stream_of(identity: dict[str, Any]) -> np.random.Generator:
    """Return the random stream that ``identity`` seeds; other identities give independent ones."""
    entropy = int.from_bytes(_digest(identity)[:16], "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def _canonical(identity: dict[str, Any]) -> str:
    return json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(identity: dict[str, Any]) -> bytes:
    return hashlib.sha256(_canonical(identity).encode()).digest()
