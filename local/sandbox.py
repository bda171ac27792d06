"""What Lambda gives a function besides its event."""

import time
from dataclasses import dataclass, field
from uuid import uuid4

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """The second argument of a handler, one per invocation."""

    function_name: str
    aws_request_id: str = field(default_factory=lambda: str(uuid4()))
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 1024
    log_stream_name: str = "local"
    began: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.began + TIMEOUT_SECONDS - time.monotonic()) * 1000))
