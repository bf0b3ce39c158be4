"""How one training run ended."""

from dataclasses import dataclass, field

from nets.config import NetConfig
from perceptron_sim.arrays import ByValue, FloatArray, IntArray
from perceptron_sim.status import Status


@dataclass(frozen=True, eq=False)
class NetCheckpoints(ByValue):
    """The course of a run at log-spaced steps; every array has shape (n,).

    Attributes:
        step: number of steps done; the last one is the last non-null step.
        t: eta * step.
        dw: ||w - w_0||.
        unfitted: fraction of training samples with y (f - f_0) < kappa.
        train_loss: mean over the training set of (kappa - y (f - f_0))^+.
        noise_trace: trace of the covariance of the gradients of single samples' losses, on a
            probe of up to 64 training samples.
        ntk_change: ||K - K_0|| / ||K_0||, Frobenius norms of the empirical NTK on the probe.
        test_error: fraction of test samples with y (f - f_0) <= 0, or None if not asked for.
    """

    step: IntArray
    t: FloatArray
    dw: FloatArray
    unfitted: FloatArray
    train_loss: FloatArray
    noise_trace: FloatArray
    ntk_change: FloatArray
    test_error: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class NetResult(ByValue):
    """How one training run ended.

    Attributes:
        config: what was run.
        status: "fitted", "max_steps" or "diverged".
        message: one line for people: how it ended and, if not fitted, what would help.
        d: input dimension.
        t_star: eta * steps, the training time.
        steps: index of the last non-null step.
        updates: number of non-null steps.
        hits: number of samples that were unfitted when drawn, over all steps.
        unfitted: training samples still unfitted at the end.
        dw: ||w - w_0||.
        w0_norm: ||w_0||.
        dw_rel: dw / w0_norm; NaN for "linear", which starts at 0.
        dw_layers, w0_layers: the norms layer by layer, from the input on.
        train_loss: mean over the training set of (kappa - y (f - f_0))^+.
        test_error: fraction of test samples with y (f - f_0) <= 0; NaN without any.
        train_signal, train_spread: mean and standard deviation of y (f - f_0) over the training
            set: how far outputs are aligned with labels.
        test_signal, test_spread: the same over the test set; NaN without any.
        noise_trace: as in ``NetCheckpoints``, at the start; NaN without checkpoints.
        ntk_change: as in ``NetCheckpoints``, at the end; NaN without checkpoints.
        wall_s: the run's share of the time its ensemble took, in seconds.
        engine: "compiled" or "ensemble"; "lazy" if linearised.
        device: "cpu" or "cuda".
        checkpoints: the course of the run, or None if not asked for.
        weights: final weights, one array a layer, or None if not asked for.
        test_outputs: y (f - f_0) of the test set, shape (P_test,), or None if not asked for.
    """

    config: NetConfig
    status: Status
    message: str
    d: int
    t_star: float
    steps: int
    updates: int
    hits: int
    unfitted: int
    dw: float
    w0_norm: float
    dw_rel: float
    dw_layers: list[float]
    w0_layers: list[float]
    train_loss: float
    test_error: float
    train_signal: float
    train_spread: float
    test_signal: float
    test_spread: float
    noise_trace: float
    ntk_change: float
    wall_s: float = field(compare=False)
    engine: str
    device: str
    checkpoints: NetCheckpoints | None = field(repr=False)
    weights: list[FloatArray] | None = field(repr=False)
    test_outputs: FloatArray | None = field(default=None, repr=False, compare=False)
