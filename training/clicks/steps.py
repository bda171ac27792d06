"""A bar while clicks become pairs: bytes of the log, then step by step."""

from typing import Self

STEPS = 4  # after the reading


class Steps:
    """At a terminal, a bar on stderr; elsewhere nothing, as what matters is told in lines."""

    def __init__(self, size: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            disable=not console.is_terminal,
        )
        # On two cores the reading takes about as long as all that follows.
        self.each = max(size, 1) / STEPS
        self.task = self.bars.add_task("reading the log", total=max(size, 1) + STEPS * self.each)
        self.begun = False

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.bars.stop()

    def read(self, size: int) -> None:
        self.bars.advance(self.task, size)

    def now(self, doing: str) -> None:
        """The step before it is done."""
        self.bars.update(self.task, description=doing, advance=self.each * self.begun)
        self.begun = True
