"""`lookalike` that learns in a few steps: python -m tests.journeys.small_retrain retrain …."""

import sys

from local.cli import main
from training import retraining

# Of the real one's kind, but gentle: a hundred pictures say little about those nobody clicked.
SMALL = {
    "train": "projection",
    "steps": 60,
    "batch": 96,
    "each": 2,
    "learning_rate": 1e-3,
    "start_share": 0.1,
    "precision": "fp32",
    "report_every": 1,  # a test sees how far it is
    "save_every": 0,
}

if __name__ == "__main__":
    retraining.RECIPE.clear()
    retraining.RECIPE.update(SMALL)
    sys.exit(main())
