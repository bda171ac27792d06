"""From what people clicked to what the encoder learns from, and what it is judged by."""

from training.clicks.command import Options, main, run

__all__ = ["Options", "main", "run"]
