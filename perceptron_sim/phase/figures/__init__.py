"""Figures of planes, one module a kind."""
