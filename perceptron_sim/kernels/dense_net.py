"""SGD of one fully connected net with the hinge loss, until every sample is fitted.

The plain loop, without work that has no effect. Only unfitted samples are passed back, and a batch
without one changes nothing. After P/B such batches in a row the whole set is evaluated. Then either
the run is over, or batches without an unfitted sample need not be evaluated at all. The weights of
one net stay in a core's cache, and small products need no calls from Python.

Products use BLAS (``np.dot``); the caller should limit BLAS to one thread.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from perceptron_sim.arrays import BoolArray, IntArray, Reals
from perceptron_sim.kernels.batches import draw_batch
from perceptron_sim.kernels.jit import compiled, reassociated
from perceptron_sim.kernels.status import DIVERGED, FITTED, INTERRUPTED

# Return value other than a final status: the requested step is reached.
PAUSED = 100

# Activations.
RELU, GELU, SILU = range(3)

# Places in the array of counters.
STEP, LAST_UPDATE_STEP, UPDATES, HITS, NULL_STREAK, KNOWN = range(6)
N_COUNTERS = 6

# Smallest number of rows evaluated together; BLAS is slower with fewer.
MIN_ROWS = 32


class DenseNet(NamedTuple):
    """A net, its training set, and space for one batch. All float arrays have one dtype.

    Attributes:
        sizes: d, h, ..., h, 1, shape (L + 2,).
        scales: factor of each layer's product, shape (L + 1,).
        activation: RELU, GELU or SILU.
        w: weights, layer after layer, each (fan-in, fan-out) in C order.
        x: inputs, shape (P, d).
        y, f0: labels and outputs at the start, shape (P,).
        rows: samples that the buffers hold, >= B.
        outputs: inputs, activations of each layer and f, one block (rows, size) after the other.
        inputs: pre-activations, in the same layout; read only for GELU and SILU.
        back, ahead: derivatives that are passed back, shape (rows * max h,).
    """

    sizes: IntArray
    scales: Reals
    activation: int
    w: Reals
    x: Reals
    y: Reals
    f0: Reals
    rows: int
    outputs: Reals
    inputs: Reals
    back: Reals
    ahead: Reals


def new_net(
    sizes: list[int], scales: list[float], activation: int, w: Reals, x: Reals, y: Reals, B: int
) -> DenseNet:
    """Return a net with weights ``w`` (not copied) and space for batches of B."""
    dtype = w.dtype
    rows = max(B, MIN_ROWS)
    blocks = rows * sum(sizes)
    net = DenseNet(
        sizes=np.array(sizes, dtype=np.int64),
        scales=np.array(scales, dtype=dtype),
        activation=activation,
        w=w,
        x=np.ascontiguousarray(x, dtype=dtype),
        y=y.astype(dtype),
        f0=np.zeros(len(y), dtype=dtype),
        rows=rows,
        outputs=np.zeros(blocks, dtype=dtype),
        inputs=np.zeros(blocks if activation != RELU else 0, dtype=dtype),
        back=np.zeros(rows * max(sizes), dtype=dtype),
        ahead=np.zeros(rows * max(sizes), dtype=dtype),
    )
    evaluate(net, net.x, net.f0)
    return net


@compiled
def _activate(kind: int, scale: Any, z: Reals, a: Reals) -> None:
    """Write act(scale z) to ``a`` and, for all but RELU, scale z back to ``z``."""
    if kind == RELU:
        for i in range(z.size):
            value = scale * z[i]
            # Written so that NaN stays NaN.
            a[i] = value * 0 if value <= 0 else value
    elif kind == GELU:
        for i in range(z.size):
            z[i] *= scale
            a[i] = 0.5 * z[i] * (1.0 + math.erf(z[i] * math.sqrt(0.5)))
    else:
        for i in range(z.size):
            z[i] *= scale
            a[i] = z[i] / (1.0 + math.exp(-z[i]))


@compiled
def _differentiate(kind: int, scale: Any, z: Reals, a: Reals, ahead: Reals, back: Reals) -> None:
    """Write scale * ahead * act' to ``back``; act' from ``a`` for RELU, from ``z`` otherwise."""
    if kind == RELU:
        for i in range(a.size):
            back[i] = scale * ahead[i] if a[i] > 0 else scale * 0
    elif kind == GELU:
        for i in range(a.size):
            normal = 0.5 * (1.0 + math.erf(z[i] * math.sqrt(0.5)))
            density = math.exp(-0.5 * z[i] * z[i]) / math.sqrt(2.0 * math.pi)
            back[i] = scale * ahead[i] * (normal + z[i] * density)
    else:
        for i in range(a.size):
            gate = 1.0 / (1.0 + math.exp(-z[i]))
            back[i] = scale * ahead[i] * gate * (1.0 + z[i] * (1.0 - gate))


@compiled
def _forward(net: DenseNet, n: int) -> Reals:
    """Evaluate the n rows in the first block of ``net.outputs``; return f, shape (n,)."""
    layers = net.sizes.size - 1
    start = 0
    at = 0
    for layer in range(layers):
        p, q = net.sizes[layer], net.sizes[layer + 1]
        end = start + net.rows * p
        a = net.outputs[start : start + n * p].reshape(n, p)
        after = net.outputs[end : end + n * q]
        z = after
        if layer < layers - 1 and net.activation != RELU:
            z = net.inputs[end : end + n * q]
        np.dot(a, net.w[at : at + p * q].reshape(p, q), z.reshape(n, q))
        if layer < layers - 1:
            _activate(net.activation, net.scales[layer], z, after)
        else:
            for i in range(n):
                after[i] *= net.scales[layer]
        start = end
        at += p * q
    return net.outputs[start : start + n]


@compiled
def evaluate(net: DenseNet, x: Reals, f: Reals) -> None:
    """Write the outputs at inputs ``x``, shape (n, d), to ``f``, shape (n,)."""
    d = net.sizes[0]
    for begin in range(0, x.shape[0], net.rows):
        n = min(net.rows, x.shape[0] - begin)
        net.outputs[: n * d].reshape(n, d)[:] = x[begin : begin + n]
        f[begin : begin + n] = _forward(net, n)


@reassociated
def _add_products(w: Reals, a: Reals, back: Reals) -> None:
    """Add a^T back to w: shapes (p, q), (m, p), (m, q).

    Batches hold few unfitted samples, mostly one to four: each row of w is then read and written
    once for all of them, which takes half the time of a product and an addition.
    """
    m, p = a.shape
    q = w.shape[1]
    j = 0
    while m - j >= 4:
        b0, b1, b2, b3 = back[j], back[j + 1], back[j + 2], back[j + 3]
        for i in range(p):
            row = w[i]
            a0, a1, a2, a3 = a[j, i], a[j + 1, i], a[j + 2, i], a[j + 3, i]
            for k in range(q):
                row[k] += a0 * b0[k] + a1 * b1[k] + a2 * b2[k] + a3 * b3[k]
        j += 4
    if m - j == 3:
        b0, b1, b2 = back[j], back[j + 1], back[j + 2]
        for i in range(p):
            row = w[i]
            a0, a1, a2 = a[j, i], a[j + 1, i], a[j + 2, i]
            for k in range(q):
                row[k] += a0 * b0[k] + a1 * b1[k] + a2 * b2[k]
    elif m - j == 2:
        b0, b1 = back[j], back[j + 1]
        for i in range(p):
            row = w[i]
            a0, a1 = a[j, i], a[j + 1, i]
            for k in range(q):
                row[k] += a0 * b0[k] + a1 * b1[k]
    elif m - j == 1:
        b0 = back[j]
        for i in range(p):
            row = w[i]
            a0 = a[j, i]
            for k in range(q):
                row[k] += a0 * b0[k]


@compiled
def _descend(net: DenseNet, m: int, push: Reals) -> None:
    """Add sum_j push_j df(x_j)/dw to the weights for the first m rows of the buffers."""
    layers = net.sizes.size - 1
    start = net.rows * (net.sizes.sum() - 1)
    at = net.w.size
    for j in range(m):
        net.back[j] = push[j] * net.scales[layers - 1]
    for layer in range(layers - 1, -1, -1):
        p, q = net.sizes[layer], net.sizes[layer + 1]
        start -= net.rows * p
        at -= p * q
        w = net.w[at : at + p * q].reshape(p, q)
        a = net.outputs[start : start + m * p]
        back = net.back[: m * q].reshape(m, q)
        ahead = net.ahead[: m * p]
        if layer > 0:
            # Derivatives are passed back with the weights before their update.
            np.dot(back, w.T, ahead.reshape(m, p))
        _add_products(w, a.reshape(m, p), back)
        if layer > 0:
            z = a if net.activation == RELU else net.inputs[start : start + m * p]
            _differentiate(net.activation, net.scales[layer - 1], z, a, ahead, net.back[: m * p])


@compiled
def _keep_row(net: DenseNet, source: int, target: int) -> None:
    """Copy one row of every block of the buffers to an earlier row."""
    if source == target:
        return
    start = 0
    for layer in range(net.sizes.size - 1):
        p = net.sizes[layer]
        for i in range(p):
            net.outputs[start + target * p + i] = net.outputs[start + source * p + i]
        if layer > 0 and net.activation != RELU:
            for i in range(p):
                net.inputs[start + target * p + i] = net.inputs[start + source * p + i]
        start += net.rows * p


@compiled
def train(
    net: DenseNet,
    push: float,
    kappa: float,
    rng: np.random.Generator,
    order: IntArray,
    batch: IntArray,
    suspects: BoolArray,
    counters: IntArray,
    until: int,
    stop: IntArray,
) -> int:
    """Take SGD steps until all samples are fitted or step ``until`` is reached.

    Args:
        net: changed in place.
        push: eta / B, what an unfitted sample adds to w over y df/dw.
        kappa: margin.
        rng, order, batch: as in ``draw_batch``.
        suspects: samples unfitted under the present weights, read if counters[KNOWN], (P,).
        counters: see the module's constants; survive between two calls.
        until: step to stop at.
        stop: raised to 1 by another thread to end the run.

    Returns:
        FITTED, DIVERGED, INTERRUPTED or PAUSED. The last non-null step is in ``counters``.
    """
    P, d = net.x.shape
    B = batch.size
    signed = np.empty(B, net.w.dtype)
    margins = np.empty(P if B * 2 <= P else B * 2, net.w.dtype)
    while counters[STEP] < until:
        if stop[0] != 0:
            return INTERRUPTED
        draw_batch(rng, P, order, batch)
        counters[STEP] += 1
        if counters[KNOWN]:
            matters = False
            for j in range(B):
                matters |= suspects[batch[j]]
            if not matters:
                counters[NULL_STREAK] += 1
                continue
        for j in range(B):
            net.outputs[j * d : (j + 1) * d] = net.x[batch[j]]
        f = _forward(net, B)
        m = 0
        finite = True
        for j in range(B):
            finite &= math.isfinite(f[j])
            y = net.y[batch[j]]
            # Written so that a sample whose output is not a number counts as unfitted.
            if not y * (f[j] - net.f0[batch[j]]) >= kappa:
                _keep_row(net, j, m)
                signed[m] = y * push
                m += 1
        if m > 0 and not finite:
            counters[STEP] -= 1
            return DIVERGED
        if m > 0:
            _descend(net, m, signed)
            counters[LAST_UPDATE_STEP] = counters[STEP]
            counters[UPDATES] += 1
            counters[HITS] += m
            counters[NULL_STREAK] = 0
            counters[KNOWN] = 0
            continue
        counters[NULL_STREAK] += 1
        if counters[KNOWN]:
            # Known to be unfitted, and yet fitted in their batch: within rounding of the margin.
            for j in range(B):
                suspects[batch[j]] = False
        elif counters[NULL_STREAK] * B >= P:
            evaluate(net, net.x, margins)
            for i in range(P):
                margin = net.y[i] * (margins[i] - net.f0[i])
                suspects[i] = not margin >= kappa
            counters[KNOWN] = 1
        if counters[KNOWN] and not suspects.any():
            return FITTED
    return PAUSED
