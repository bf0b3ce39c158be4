"""Planes of the phase diagram of nets: one module a plane, one line of this registry each."""

# Name to the module whose PLANE it is; joined with those of the perceptron by the command line.
PLANES = {
    "B-eta": "nets.phase.batch_rate",
    "late-noise": "nets.phase.late_noise",
    "dynamics": "nets.phase.dynamics",
    "alpha-T": "nets.phase.alpha_temperature",
    "P-T": "nets.phase.samples_temperature",
}
