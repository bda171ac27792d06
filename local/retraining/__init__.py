"""`lookalike retrain`: clicks → data set → training → gate → the model that serves next."""
