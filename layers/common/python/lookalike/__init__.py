"""Find pictures that look alike: what functions, training and the laptop share."""

VERSION = "0.1.0"
