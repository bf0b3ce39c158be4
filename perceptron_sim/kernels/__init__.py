"""Compiled kernels: plain loops over arrays that write into arrays.

T, kappa, eta and d do not enter. Kernels work in natural units (docs/conventions.md): features are
``phi = z / sqrt(d)``, and weights are measured in units of T. One hit on sample nu is
``w += phi_nu``. A sample is unfitted when ``w.phi < threshold``, threshold = kappa / T. So the
scale invariance of the dynamics is built in.
"""
