"""CUDA graphs: a step that is captured once and replayed."""

import threading
from collections.abc import Callable
from functools import cache

import torch

# Steps on a side stream before a capture, in which libraries get their workspace.
_WARM_UP = 3
# Two captures at once in one process would break each other.
_one_at_a_time = threading.Lock()


class Graphs:
    """What captures steps on one device.

    Attributes:
        kind: of the device; "cuda" captures, anything else takes its steps one call at a time.
    """

    def __init__(self, device: torch.device) -> None:
        """Prepare for steps on ``device``."""
        self.kind = device.type

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        """Return what takes one ``step`` again and again, without a word to the host.

        Args:
            step: takes a step; called a few times, for nothing.

        Raises:
            RuntimeError: if the step does what no graph can, such as to wait for the device.
        """
        with _one_at_a_time:
            stream = _side_stream(torch.cuda.current_device())
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(_WARM_UP):
                    step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            # Other threads of the process may use CUDA meanwhile.
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):
                step()
        replay: Callable[[], None] = graph.replay
        return replay


@cache
def _side_stream(device: int) -> torch.cuda.Stream:
    """Return one stream for all captures: libraries keep a workspace for each stream, 32 MiB."""
    return torch.cuda.Stream(device)


def size_of_graph(n: int, most: int) -> int:
    """Return how many replicas a graph takes for n: the next of 1, 2, 3, 4, 6, 8, 12, 16, ...

    It depends on nothing but n, so that a resumed run is rounded as the undisturbed one.

    Args:
        n: replicas alive, >= 1.
        most: places that there are.
    """
    power = 1 << (n - 1).bit_length()
    return min(most, power * 3 // 4 if power >= 4 and n <= power * 3 // 4 else power)
