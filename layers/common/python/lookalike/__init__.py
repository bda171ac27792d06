"""Find pictures that look alike: what functions, training and the laptop share."""

import os

VERSION = "0.1.0"

# ONNX Runtime tells its makers how it is used, and leaves files in the home folder for that, unless
# this stands in the environment before it is imported; its own switch comes too late. Nothing of a
# picture goes out, but nothing at all is what we promise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
