"""Figures as data (``panels``), and the two back ends that draw them: ``mpl`` and ``plotly``."""
