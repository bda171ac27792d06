"""What stops a command, in one sentence that says what to do."""

FAILED = 1
USAGE = 2
SOME_REJECTED = 3
INTERRUPTED = 130


class Trouble(Exception):
    """Shown to the person as it is, without a traceback."""

    def __init__(self, sentence: str, exit_code: int = FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
