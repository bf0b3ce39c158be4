"""Experiments: configurations, runs, grids, store, fits and figures."""
