"""What many runs say: exponents, collapses, summaries, figures."""
