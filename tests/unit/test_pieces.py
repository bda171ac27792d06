"""Files of many pieces: what cameras and editors write is read, what only takes time is not."""

import struct

import numpy as np
import pytest

from lookalike import pieces
from lookalike.errors import UnreadableImage
from lookalike.images import decode
from lookalike.pieces import check_pieces
from lookalike.srgb import to_srgb
from tests.hostile import profiles
from tests.hostile.bombs import segment
from tests.hostile.directories import directory, exif_of_tables
from tests.hostile.valid import drawn, file, valid_files
from tests.hostile.written import chunk, png, tiff


def refusal(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as raised:
        check_pieces(data)
    return raised.value.reason


@pytest.mark.parametrize("name", valid_files())
def test_sound_files_pass(name: str) -> None:
    check_pieces(valid_files()[name])


@pytest.mark.parametrize("name", valid_files())
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_what_is_cut_off_is_left_to_its_decoder(name: str, share: float) -> None:
    data = valid_files()[name]

    check_pieces(data[: int(len(data) * share)])


def with_chunks(*chunks: bytes) -> bytes:
    return png((8, 8), bytes(25 * 8), before=b"".join(chunks))


def test_a_large_png_in_small_chunks_is_read() -> None:
    """Some encoders write 4 KB at a time: 64 MB of it are 16,384 chunks."""
    many = with_chunks(chunk(b"prIv", b"x") * 20_000)

    assert decode(many).width == 8


def test_a_png_of_more_chunks_than_bytes_would_need_is_refused() -> None:
    assert refusal(with_chunks(chunk(b"prIv") * pieces.MAX_PIECES)) == "corrupt"


def test_bytes_beside_the_pixels_have_a_limit_and_pixels_have_not() -> None:
    half = bytes(pieces.MAX_METADATA // 2)

    assert refusal(with_chunks(chunk(b"prIv", half), chunk(b"prIw", half))) == "too_many_bytes"
    check_pieces(with_chunks(chunk(b"IDAT", half), chunk(b"IDAT", half), chunk(b"prIv", half)))


def test_a_chunk_that_claims_more_than_there_is_is_left_to_its_decoder() -> None:
    check_pieces(with_chunks(struct.pack(">I", 2**31 - 1) + b"prIv"))


@pytest.mark.parametrize("most", [pieces.MAX_EXIF - 9, pieces.MAX_EXIF + 9])
def test_exif_has_a_limit_of_its_own(most: int) -> None:
    data = with_chunks(chunk(b"eXIf", exif_of_tables(64).ljust(most, b"\0")))

    if most < pieces.MAX_EXIF:
        check_pieces(data)
    else:
        assert refusal(data) == "too_many_bytes"


def test_a_jpeg_with_an_editors_metadata_is_read() -> None:
    """A profile, a depth map and a history: hundreds of full segments, 13 MB."""
    plain = file(drawn(), "JPEG")

    full = plain[:2] + segment(0xE1, b"http://ns.adobe.com/xmp/" + bytes(65_000)) * 200 + plain[2:]

    assert decode(full).width == 64


def test_a_little_filling_between_segments_is_read_and_60_mb_are_not() -> None:
    plain = file(drawn(), "JPEG")

    assert decode(plain[:2] + b"\xff" * 1_000 + plain[2:]).width == 64
    assert refusal(plain[:2] + b"\xff" * 10**6 + plain[2:]) == "corrupt"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_as_many_strips_as_rows_is_read(order: str) -> None:
    strips = tiff(np.zeros((65_535, 2, 3), np.uint8), order, rows=1)

    assert decode(strips).height == 65_535


def test_tables_are_counted_in_big_tiffs_and_in_directories_below_too() -> None:
    table = bytes(4 * (pieces.MAX_VALUES + 1))
    entry = struct.pack("<HHQQ", 273, 4, pieces.MAX_VALUES + 1, 16 + 8 + 20 + 8)
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + entry + bytes(8) + table
    below = struct.pack("<HHHII", 1, 33434, 4, pieces.MAX_VALUES + 1, 100) + bytes(4)
    nested = directory([(34665, 4, 1, 26)], below.ljust(100) + table)

    assert refusal(big) == "corrupt"
    assert refusal(nested) == "corrupt"


def test_directories_that_name_each_other_come_to_an_end() -> None:
    check_pieces(directory([(34665, 4, 1, 8), (34853, 4, 1, 8)], following=8))


def test_a_profile_larger_than_a_printing_press_needs_is_passed_over() -> None:
    picture = drawn()
    sound, padded = profiles.display_p3(), profiles.display_p3() + bytes(5 * 2**20)

    assert to_srgb(picture, sound).tobytes() != picture.tobytes()
    assert to_srgb(picture, padded).tobytes() == picture.tobytes()
