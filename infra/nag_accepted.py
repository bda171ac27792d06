"""One finding that is accepted."""

from typing import NamedTuple


class Accepted(NamedTuple):
    """where: path below the stack of the very resource. rule: the finding, without its pack."""

    where: str
    rule: str
    reason: str
