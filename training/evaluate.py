"""Measure models as they serve: python -m training.evaluate --model FOLDER [--model FOLDER …]."""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.encoder import Encoder
from lookalike.errors import CallerError, LookalikeError
from training import protocols, tables
from training.measured import Measured
from training.outcome import Outcome, evaluated
from training.protocols import Protocol
from training.tables import main_table as table

__all__ = ["Measured", "Protocol", "evaluate", "main", "run", "table"]

FAILED, USAGE, SOME_REJECTED, INTERRUPTED = 1, 2, 3, 130
RECORDED = ("recall@1", "map@10")


class Unusable(CallerError):
    """The command cannot be done as given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 ok, 1 failed, 2 usage, 3 with --strict if a picture was skipped."""
    options = parsed(arguments)
    try:
        outcome = run(options)
    except LookalikeError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return USAGE if isinstance(error, CallerError) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    print(tables.text(outcome, options.slices))
    if options.limit:
        print(f"Only about {options.limit} pictures of each side: a try, and no measurement.")
    return exit_code(outcome, options.strict)


def evaluate(model: Path, data: Path, split: str = "test", limit: int = 0) -> list[Measured]:
    """One model on the data for development; rows by protocol."""
    asked = [protocols.thinned(p, limit) for p in protocols.of_the_data(data, split)]
    return evaluated([opened(model)], asked).rows


def run(options: argparse.Namespace) -> Outcome:
    """Measure, and write what was asked for."""
    for file in (options.json, options.report):
        writable(file)
    if options.report:
        drawable()
    if options.record and (options.limit or options.pictures or options.labels):
        raise Unusable(
            "--record is for the whole data of --data; leave out --limit, --pictures and --labels."
        )
    asked, missing = questions(options)
    chosen = [protocols.thinned(protocol, options.limit) for protocol in asked]
    encoders = [opened(folder) for folder in options.model]
    outcome = evaluated(encoders, chosen, missing, options.ann)
    if options.record:
        for folder, name in zip(options.model, outcome.names, strict=True):
            record([row for row in outcome.rows if row.encoder == name], folder)
    if options.json:
        options.json.write_text(as_text(outcome, options.slices), encoding="utf-8")
    if options.report:
        report(outcome, encoders, options.report, options.history)
    return outcome


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    _ask_what(parser)
    _ask_where_to(parser)
    parser.add_argument(
        "--slices", action="store_true", help="also by class and by size of picture"
    )
    parser.add_argument("--ann", action="store_true", help="also what the index loses")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 3 when a picture was skipped"
    )
    return parser.parse_args(arguments)


def _ask_what(parser: argparse.ArgumentParser) -> None:
    """The models, and the pictures to ask them about."""
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        required=True,
        metavar="FOLDER",
        help="of model.onnx and card.json; the first is compared with each further one",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data"),
        metavar="DIR",
        help="the data for development",
    )
    where.add_argument(
        "--pictures", type=Path, metavar="DIR", help="your own, one folder per label"
    )
    where.add_argument(
        "--labels", type=Path, metavar="CSV", help="your own: path,label[,group][,split]"
    )
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument(
        "--limit",
        type=_count,
        default=0,
        metavar="N",
        help="pictures of each side, for a quick try; 0 is all",
    )


def _ask_where_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write an HTML page with pictures there"
    )
    parser.add_argument(
        "--history", type=Path, metavar="FILE", help="of the training, for the report"
    )
    parser.add_argument("--record", action="store_true", help="write the scores into the cards")


def questions(options: argparse.Namespace) -> tuple[list[Protocol], list[str]]:
    """The protocols that were asked for, and the paths that labels name in vain."""
    if options.pictures:
        return [protocols.of_folders(options.pictures)], []
    if options.labels:
        protocol, missing = protocols.of_csv(options.labels, options.split)
        return [protocol], missing
    return protocols.of_the_data(options.data, options.split), []


def opened(folder: Path) -> Encoder:
    try:
        return Encoder(folder)
    except OSError as error:
        raise Unusable(
            f"There is no model in {folder} ({error.strerror}); it needs {ONNX_NAME} and "
            f"{CARD_NAME}."
        ) from error


def record(rows: Sequence[Measured], folder: Path) -> None:
    """Write a model's scores into its card, beside what stands there already."""
    card = ModelCard.read(folder)
    found = {
        f"{row.protocol.name} {name}": round(float(row.scores[name].mean()), 4)
        for row in rows
        for name in RECORDED
    }
    card = replace(card, metrics={**card.metrics, **found})
    (folder / CARD_NAME).write_text(card.to_json(), encoding="utf-8")


def as_text(outcome: Outcome, with_slices: bool) -> str:
    return json.dumps(tables.as_json(outcome, with_slices), indent=1, ensure_ascii=False) + "\n"


def report(
    outcome: Outcome, encoders: Sequence[Encoder], path: Path, history: Path | None = None
) -> None:
    """An HTML page with pictures and plots, for which matplotlib is imported here alone.

    Encodes the pictures of the first protocol and copies of them again, for their cosines.
    """
    from training import cosines
    from training import report as page

    of = outcome.rows[0].protocol
    drawn = [cosines.distributions(encoder, of.queries, of.gallery) for encoder in encoders]
    page.write(
        outcome.rows,
        outcome.comparisons,
        path,
        title="Evaluation of " + " and ".join(outcome.names),
        cards=[replace(c, model=n) for c, n in zip(outcome.cards, outcome.names, strict=True)],
        history=history,
        distributions=[replace(d, model=n) for d, n in zip(drawn, outcome.names, strict=True)],
        sizes=outcome.sizes,
        skipped=outcome.skipped,
    )


def drawable() -> None:
    """Say before the minutes of measuring, not after, that a report cannot be drawn."""
    if importlib.util.find_spec("matplotlib") is None:
        raise Unusable(
            f"The report's plots need matplotlib; run: {sys.executable} -m pip install matplotlib"
        )


def writable(file: Path | None) -> None:
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise Unusable(f"{file} cannot be written; name a file in a folder that exists.")


def exit_code(outcome: Outcome, strict: bool) -> int:
    return SOME_REJECTED if strict and (outcome.skipped or outcome.missing) else 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pictures")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
