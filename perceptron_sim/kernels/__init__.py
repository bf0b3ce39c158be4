"""Compiled kernels: plain loops over arrays that write into arrays.

Kernels know nothing of T, kappa, eta or d. They work in natural units (docs/conventions.md):
with features ``phi = z / sqrt(d)`` and weights measured in units of T, one hit on sample nu is
``w += phi_nu`` and a sample is unfitted when ``w.phi < threshold``, threshold = kappa / T.
The exact scale invariance of the dynamics is thereby built in.
"""
