"""Indexes one file after the other as a sandbox does, and says what each came to and cost.

Every line of its input names a file; every line of its output is a Fate, as JSON. The path is the
real one: a folder, the shipped encoder, the real engine, `Ingest.sync`.
"""

import faulthandler
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from pathlib import Path

from PIL import Image

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.images import THUMBNAIL_SIDE
from lookalike.ingest import thumbnail_of
from lookalike.models import SHIPPED
from tests.bench.one_decode import peak_and_now
from tests.hostile.fates import Fate
from tests.hostile.valid import drawn, file

FOLDERS = ("images", "derived", "models", "qdrant")
KEY = "stranger.jpg"  # one name for all: what a file is, its bytes say


def main() -> None:
    faulthandler.enable()
    folder = Path(sys.argv[1])
    indexed = Indexed(folder)
    first = folder / "first"
    first.write_bytes(file(drawn(), "JPEG"))
    say(asdict(indexed.fate(first)))  # whatever is loaded at first use is loaded
    for line in sys.stdin:
        say(asdict(indexed.fate(Path(json.loads(line)))))


def say(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


class Indexed:
    """A catalogue of one picture, over and over another one."""

    def __init__(self, folder: Path) -> None:
        for name in FOLDERS:
            os.environ[f"LOOKALIKE_{name.upper()}"] = str(folder / name)
        wiring.forget()
        self.now = 10**18
        self.picture = folder / "images" / KEY
        self.model = wiring.models().add(SHIPPED).model
        self.picture.parent.mkdir(parents=True)
        wiring.serving().start(self.model)
        wiring.index().open(self.model, wiring.models().encoder(self.model).card.dimension)

    def fate(self, file: Path) -> Fate:
        self._place(file)
        self.now += 1  # a clock that ticks for every file, so that each has an etag of its own
        os.utime(self.picture, ns=(self.now, self.now))
        with suppress(OSError):  # without a way to forget the last peak, this one may be another's
            Path("/proc/self/clear_refs").write_text("5")
        _, before = peak_and_now()
        began = time.process_time()
        try:
            outcome: str = wiring.ingest().sync(KEY)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"[:200]
        seconds = time.process_time() - began
        peak, after = peak_and_now()
        told = {"outcome": outcome, **self._told(outcome)}
        return Fate(**told, seconds=seconds, added=max(0, peak - before), at_rest=after)

    def _place(self, file: Path) -> None:
        """A second name costs nothing; across file systems it takes a copy."""
        self.picture.unlink(missing_ok=True)
        try:
            os.link(file, self.picture)
        except OSError:
            shutil.copyfile(file, self.picture)

    def _told(self, outcome: str) -> dict[str, str]:
        """What the index and the record of rejects say; it must be what the outcome says."""
        image = wiring.index().get(self.model, image_id_of(KEY))
        reject = wiring.rejects().get(image_id_of(KEY))
        if (image is not None, reject is not None) != (outcome == "indexed", outcome == "rejected"):
            return {"outcome": f"{outcome}, but point {bool(image)} and reject {bool(reject)}"}
        if reject:
            return {"reason": reject.reason, "detail": reject.detail}
        shown = next(iter(self._wrong_thumbnail()), "")
        return {"outcome": shown or outcome, "format": image.format if image else ""}

    def _wrong_thumbnail(self) -> Iterator[str]:
        data, _ = wiring.derived_store().get(thumbnail_of(image_id_of(KEY)))
        with Image.open(BytesIO(data)) as shown:
            if shown.format != "WEBP" or max(shown.size) > THUMBNAIL_SIDE:
                yield f"a thumbnail of {shown.format} and {shown.size}"
            if shown.info.keys() & {"exif", "xmp", "icc_profile", "comment"}:
                yield f"a thumbnail with {sorted(shown.info)}"


if __name__ == "__main__":
    main()
