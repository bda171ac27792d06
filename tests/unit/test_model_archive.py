"""model.tar.gz: two files are taken out, whatever else the archive says."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from lookalike import model_archive
from lookalike.errors import InvalidRequest
from lookalike.model_archive import unpack

MODEL = ("model.onnx", b"graph")
CARD = ("card.json", b"{}")


def archive(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for member, data in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def refusal(data: bytes, folder: Path) -> str:
    with pytest.raises(InvalidRequest) as refused:
        unpack(data, folder)
    assert str(refused.value).startswith("/artifact: This is no model.tar.gz: ")
    return str(refused.value)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", ["", "./", "model/", "./model/"])
def test_the_model_and_its_card_are_taken_out(tmp_path: Path, place: str) -> None:
    """From where training puts them, or from the top."""
    unpack(archive((place + "model.onnx", b"graph"), (place + "card.json", b"{}")), tmp_path)

    assert files(tmp_path) == dict([MODEL, CARD])


def test_whatever_lies_beside_them_is_left_where_it_is(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    hostile = [
        ("../escaped", b"x"),
        (str(tmp_path / "absolute"), b"x"),
        ("report/model.onnx", b"another"),
        special("link", tarfile.SYMTYPE, "/etc/passwd"),
        special("hard", tarfile.LNKTYPE, "../../etc/passwd"),
        special("device", tarfile.CHRTYPE),
        special("pipe", tarfile.FIFOTYPE),
        special("folder", tarfile.DIRTYPE),
    ]

    unpack(archive(*hostile, MODEL, *hostile, CARD), inside)

    assert files(tmp_path) == dict([MODEL, CARD])


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_a_model_that_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    data = archive(special("model.onnx", kind, "/etc/passwd"), CARD)

    assert "its model.onnx is no plain file" in refusal(data, tmp_path)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([CARD], "it has no model.onnx"),
        ([MODEL], "it has no card.json"),
        ([], "it has no model.onnx"),
        ([MODEL, MODEL, CARD], "it has model.onnx twice"),
        ([MODEL, CARD, ("model/card.json", b"[]")], "it has card.json twice"),
        ([MODEL, ("card.json", b"x" * 1_000_001)], "card.json has 1000001 bytes"),
    ],
)
def test_an_archive_without_exactly_one_of_each_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], said: str
) -> None:
    assert said in refusal(archive(*members), tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        gzip.compress(b"text"),
        gzip.compress(b"text" * 1000),
        archive(MODEL, CARD)[:80],
    ],
    ids=["empty", "text", "packed text", "much packed text", "cut short"],  # packed, it has a time
)
def test_what_is_no_archive_is_refused_in_one_sentence(tmp_path: Path, data: bytes) -> None:
    refusal(data, tmp_path)


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path) -> None:
    many = [(f"checkpoint-{number}", b"") for number in range(model_archive.MAX_MEMBERS + 1)]

    assert "more than 10000 members" in refusal(archive(*many, MODEL, CARD), tmp_path)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path,
) -> None:
    bomb = gzip.compress(header("big", 8**12) + bytes(512))

    assert "too many bytes" in refusal(bomb, tmp_path)


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        bomb = gzip.compress(header("x", 2**32, kind) + bytes(512))

        assert "a header of it is too large" in refusal(bomb, tmp_path)


def test_headers_upon_headers_are_refused(tmp_path: Path) -> None:
    bomb = gzip.compress((header("x", 2, tarfile.GNUTYPE_LONGNAME) + b"a\0" + bytes(510)) * 20_000)

    refusal(bomb, tmp_path)
