"""The story that `make demo` tells, and docs/learning.md writes down."""
