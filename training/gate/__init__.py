"""May a challenger serve in the place of the model that does?"""

from training.gate.command import main, run

__all__ = ["main", "run"]
