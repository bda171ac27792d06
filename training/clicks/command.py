"""Clicks to weighted pairs: python -m training.clicks --interactions … --images … --out …."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb

from lookalike.errors import CallerError, LookalikeError
from training.clicks import keys, pairs, trust
from training.clicks.files import write
from training.clicks.log import images_at, log_at, moment
from training.clicks.log import read as read_log
from training.clicks.outcome import (
    Fates,
    NothingClicked,
    description,
    tell_of,
    tell_of_broken,
    when,
)
from training.clicks.split import Terms, examined
from training.clicks.split import split as split_by_time
from training.clicks.steps import Steps
from training.clicks.trust import Caps
from training.progress import tell

FAILED, USAGE, INTERRUPTED = 1, 2, 130
MEMORY = "2GB"  # what DuckDB may hold; the rest waits on disk, however long the log is


@dataclass(frozen=True)
class Options:
    """The command line. Dates are ISO 8601, in UTC if they name no zone."""

    interactions: str = field(
        metadata={"help": "the log: s3://BUCKET, or a folder of dt=… folders"}
    )
    images: str = field(metadata={"help": "where the pictures are: s3://BUCKET, or a folder"})
    out: Path = field(metadata={"help": "a folder for clicks.jsonl, held_out.jsonl, dataset.json"})
    until: str = field(default="", metadata={"help": "what had come in by then counts; now"})
    days: int = field(default=90, metadata={"help": "how far back: tastes and pictures change"})
    held_out: float = field(
        default=0.2, metadata={"help": "the latest clicks, for the gate; a share"}
    )
    pair_sessions: int = field(
        default=2, metadata={"help": "that must have clicked a pair: one may be a slip, or a plan"}
    )
    session_clicks: int = field(default=50, metadata={"help": "of one session that count at most"})
    viewer_clicks: int = field(default=200, metadata={"help": "of a viewer's address, a day"})
    source_clicks: int = field(default=2_000, metadata={"help": "of a caller's address, a day"})
    shared_address: bool = field(
        default=False, metadata={"help": "all come from one address, as on a laptop: count none"}
    )
    weights: str = field(
        default="liking",
        metadata={
            "help": "of what is learnt from: clicks per look, or counts of clicks, to compare with",
            "choices": ("liking", "counts"),
        },
    )
    seed: int = field(
        default=1, metadata={"help": "of what is left out beyond a cap, and held out"}
    )

    @classmethod
    def from_command_line(cls, arguments: Sequence[str] | None = None) -> Self:
        parser = argparse.ArgumentParser(
            prog="python -m training.clicks",
            description=__doc__,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        for each in fields(cls):
            flag = "--" + each.name.replace("_", "-")
            if each.type is bool:
                parser.add_argument(flag, action="store_true", help=each.metadata["help"])
            elif each.default is MISSING:
                parser.add_argument(flag, type=each.type, required=True, help=each.metadata["help"])
            else:
                kind, words = type(each.default), each.metadata["help"]
                among = each.metadata.get("choices")
                parser.add_argument(
                    flag, type=kind, default=each.default, choices=among, help=words
                )
        options = cls(**vars(parser.parse_args(arguments)))
        for wrong, sentence in options.problems().items():
            parser.error(f"--{wrong.replace('_', '-')} {sentence}")
        return options

    def problems(self) -> dict[str, str]:
        """What cannot work, by the option to change."""
        counts = ("days", "pair_sessions", "session_clicks", "viewer_clicks", "source_clicks")
        found = {name: "must be at least 1" for name in counts if getattr(self, name) < 1}
        if not 0 <= self.held_out < 1:
            found["held_out"] = "is a share, from 0 to below 1"
        try:
            _ = self.window
        except (ValueError, OverflowError):
            found["until"] = "is a time such as 2026-11-22T03:00:00Z"
        return found

    @property
    def window(self) -> tuple[datetime, datetime]:
        until = moment(self.until) if self.until else datetime.now(UTC)
        return until - timedelta(days=self.days), until

    def settings(self) -> dict[str, Any]:
        """Those that decide the result, beside the log and the time."""
        places = {"interactions", "images", "out", "until"}
        names = (each.name for each in fields(self) if each.name not in places)
        return {name: getattr(self, name) for name in names}

    @property
    def caps(self) -> Caps:
        if self.shared_address:
            return Caps(self.session_clicks, None, None, self.seed)
        return Caps(self.session_clicks, self.viewer_clicks, self.source_clicks, self.seed)

    @property
    def terms(self) -> Terms:
        counted = self.weights == "counts"
        return Terms(self.pair_sessions, not self.shared_address, self.held_out, self.seed, counted)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 done, 1 failed, 2 wrong input or nothing to learn from: one sentence says what to do."""
    options = Options.from_command_line(arguments)
    try:
        tell_of(run(options))
    except LookalikeError as error:
        tell(f"clicks: {error}")
        return USAGE if isinstance(error, CallerError) else FAILED
    except (duckdb.OutOfMemoryException, duckdb.IOException, OSError) as error:
        tell(f"clicks: {error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def run(options: Options) -> dict[str, Any]:
    """Write the data set; returns its description. The same log in any order gives the same.

    Raises NothingClicked, UnreadableLog or StoreUnavailable.
    """
    since, until = (each.replace(tzinfo=None) for each in options.window)
    log, images = log_at(options.interactions), images_at(options.images)
    files = log.within(since, until)
    with engine() as connection, Steps(sum(file.size for file in files)) as steps:
        read = read_log(connection, log, files, steps.read)
        tell_of_broken(read)
        steps.now("whose clicks count")
        judged = trust.judge(connection, {"since": since, "until": until}, options.caps)
        if not judged.suggestions:
            raise NothingClicked(f"{options.interactions} says nothing {when(since, until)}.")
        fates = Fates(judged)
        fates.check()
        steps.now("which pictures are still there")
        fates.lose("image_gone", keys.keep_known(connection, images))
        fates.check()
        steps.now("who looks like whom")
        told = {
            "window": {"since": str(since), "until": str(until)},
            "settings": options.settings(),
            "suggestions": judged.suggestions,
            "broken": {"lines": read.broken_lines, "files": read.broken_files},
            **paired(connection, options.terms, until, fates),
        }
        steps.now("writing")
        return write(connection, options.out, told)


def paired(
    connection: duckdb.DuckDBPyConnection, terms: Terms, until: datetime, fates: Fates
) -> dict[str, Any]:
    """The pairs of what is left, and their description. Raises NothingClicked."""
    split = split_by_time(connection, terms, until)
    fates.lose("in_use_at_the_cut", split.lost)
    fates.check()
    places = examined(connection, terms.seed)
    rate, lost = pairs.pair_up(connection, terms, split.held_out_from or until)
    for reason, clicks in lost.items():
        fates.lose(reason, clicks)
    fates.check(pairs.clicks_of(connection, "learnt"))
    return description(connection, split, places, rate, fates)


@contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database on disk, gone afterwards; what it does is the same in every zone."""
    with tempfile.TemporaryDirectory(prefix="clicks-") as folder:
        settings = {
            "memory_limit": MEMORY,
            "temp_directory": str(Path(folder) / "spilled"),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,  # nothing is downloaded
        }
        with duckdb.connect(str(Path(folder) / "clicks.duckdb"), config=settings) as connection:
            connection.execute("set enable_progress_bar = false")
            yield connection
