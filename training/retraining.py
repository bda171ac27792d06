"""How the live encoder goes on from clicks, on a laptop and in the learning machine alike."""

# Options of training.train, beside the data and the places. Found on the fabric catalogue, judged
# by a taste that no file of clicks names (docs/experiments.md, 8).
RECIPE: dict[str, str | int | float] = {
    # The clicks of a week are thousands, not millions: enough to turn the space of features, not to
    # learn new ones. Features are computed once, so that it takes a minute on two cores.
    "train": "projection",
    # Half of a batch are views of any picture, which keeps apart what nobody clicked.
    "batch": 256,
    # Twice as many steps gained nothing.
    "steps": 300,
    # The projection begins as a good one; 1e-3 learns less from so few steps.
    "learning_rate": 3e-3,
    # At 0.1 the nearest strangers, most of them look-alikes that nobody clicked yet, weigh less,
    # but so does what tells pictures apart: mAP 84 instead of 87.
    "temperature": 0.05,
}
