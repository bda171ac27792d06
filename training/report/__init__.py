"""One self-contained HTML page about how good encoders are."""

from training.report.writing import write

__all__ = ["write"]
