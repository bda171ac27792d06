"""Make an encoder from pictures and clicks, and prove that it may serve."""

import lookalike  # noqa: F401 — keeps ONNX Runtime from phoning home, once it is imported
