"""Reports: judgements of claims as a page, as Markdown and as JSON, each with its figures."""

from perceptron_sim.report.write import write_report

__all__ = ["write_report"]
