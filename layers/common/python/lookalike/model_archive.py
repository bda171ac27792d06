"""model.tar.gz as a training job leaves it: two files are taken out, nothing else is believed."""

import gzip
import io
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from lookalike.cards import CARD_NAME, ONNX_NAME
from lookalike.errors import InvalidRequest

# Read whole into memory; ResNet-152, the largest in use, has 240 MB.
MAX_ARCHIVE_BYTES = 300_000_000
MAX_MEMBERS = 10_000  # reports and checkpoints may lie beside the model
MAX_UNPACKED_BYTES = 2_000_000_000  # of all members, those that are passed over too
MAX_READ_BYTES = 1_000_000  # at once: names and headers are small, and the model comes in pieces
FOLDER = "model/"  # where training puts them, below the folder that SageMaker packs
MAX_BYTES = {ONNX_NAME: 400_000_000, CARD_NAME: 1_000_000}  # a Lambda's /tmp has 512 MB


def unpack(archive: bytes, folder: Path) -> None:
    """Write the model and its card into the folder, under these names and no others.

    Links, devices, absolute paths and paths with dots are only names here: nothing is written
    where a member says. Raises InvalidRequest with the one thing that is wrong.
    """
    found: set[str] = set()
    try:
        with tarfile.open(fileobj=_Gunzipped(fileobj=io.BytesIO(archive)), mode="r:") as tar:
            for member in _members(tar):
                name = member.name.removeprefix("./").removeprefix(FOLDER)
                if name in MAX_BYTES:
                    _refuse_if(name in found, f"it has {name} twice")
                    _write(tar, member, name, folder)
                    found.add(name)
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise _refusal(f"it cannot be unpacked ({error})") from error
    for name in MAX_BYTES:
        _refuse_if(name not in found, f"it has no {name}")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(tar):
        _refuse_if(count >= MAX_MEMBERS, f"it has more than {MAX_MEMBERS} members")
        yield member


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, folder: Path) -> None:
    _refuse_if(not member.isreg(), f"its {name} is no plain file")
    limit = MAX_BYTES[name]
    _refuse_if(member.size > limit, f"its {name} has {member.size} bytes; {limit} are allowed")
    source = tar.extractfile(member)
    _refuse_if(source is None, f"its {name} cannot be read")
    if source is not None:
        with source, (folder / name).open("wb") as file:
            shutil.copyfileobj(source, file, MAX_READ_BYTES // 2)


class _Gunzipped(gzip.GzipFile):
    """Bounded: a small archive may unpack to more than any memory or patience holds."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= MAX_READ_BYTES:
            raise _refusal("a header of it is too large")
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        _refuse_if(offset > MAX_UNPACKED_BYTES, "it unpacks to too many bytes")
        return super().seek(offset, whence)


def _refuse_if(wrong: bool, said: str) -> None:
    if wrong:
        raise _refusal(said)


def _refusal(said: str) -> InvalidRequest:
    return InvalidRequest("/artifact", f"This is no model.tar.gz: {said}.")
