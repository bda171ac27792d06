"""What AVIF's boxes and streams say, before a decoder believes them."""

import struct

import pytest
from PIL import Image

from lookalike import boxes
from lookalike.boxes import coded_size, exif_size, items
from lookalike.errors import UnreadableImage
from lookalike.images import decode
from tests.hostile.canvases import AVIFS
from tests.hostile.valid import drawn, exif, file, frames, valid_files

SOUND = {name: data for name, data in valid_files().items() if name.startswith("avif")}


@pytest.mark.parametrize("name", SOUND)
def test_streams_announce_what_the_boxes_say(name: str) -> None:
    decoded = decode(SOUND[name])

    assert sorted(coded_size(SOUND[name])) == sorted((decoded.width, decoded.height))


@pytest.mark.parametrize("size", [(1, 1), (65, 31), (3001, 2003)])
@pytest.mark.parametrize("several", [False, True], ids=["still", "animated"])
def test_every_size_is_found(size: tuple[int, int], several: bool) -> None:
    more = {"save_all": True, "append_images": [Image.new("RGB", size)]} if several else {}

    assert coded_size(file(Image.new("RGB", size, "teal"), "AVIF", speed=10, **more)) == size


def test_a_stream_larger_than_its_boxes_say_is_refused_by_its_own_size() -> None:
    data = AVIFS["avif of 20 megapixels that says 64 × 48"]()

    assert coded_size(data) == (4_500, 4_500)
    with pytest.raises(UnreadableImage, match="too_many_pixels"):
        decode(data)


def test_the_length_of_exif_is_known_before_it_is_read() -> None:
    with_exif = file(drawn(), "AVIF", speed=10, exif=exif())

    assert exif_size(file(drawn(), "AVIF", speed=10)) == 0
    assert 100 < exif_size(with_exif) <= len(exif())


@pytest.mark.parametrize("name", SOUND)
def test_a_file_cut_off_anywhere_is_read_as_far_as_it_goes(name: str) -> None:
    data = SOUND[name]
    for length in range(0, min(len(data), 700), 7):
        assert exif_size(data[:length]) >= 0
        assert len(coded_size(data[:length])) == 2


def test_more_boxes_than_any_camera_writes_are_refused() -> None:
    data = SOUND["avif-420"]
    first = data[: int.from_bytes(data[:4])]
    many = (struct.pack(">I", 8) + b"free") * (boxes.MAX_BOXES + 1)

    with pytest.raises(UnreadableImage, match="boxes"):
        exif_size(first + many + data[len(first) :])


def test_items_without_length_do_not_multiply() -> None:
    """65,535 items of 65,535 extents of no bytes take no bytes to say."""
    iloc = bytes(4) + bytes(2) + b"\xff\xff" + b"\0\1\0\0\xff\xff" * 65_535
    body = struct.pack(">I", len(iloc) + 8) + b"iloc" + iloc
    data = struct.pack(">I", len(body) + 12) + b"meta" + bytes(4) + body

    with pytest.raises(UnreadableImage, match="boxes"):
        list(items(data))


def test_pictures_over_each_other_are_refused() -> None:
    entry = struct.pack(">HHHII", 1, 0, 1, 0, 2**32 - 1)
    iloc = bytes(4) + b"\x44\0" + struct.pack(">H", 500) + entry * 500
    body = struct.pack(">I", len(iloc) + 8) + b"iloc" + iloc
    data = struct.pack(">I", len(body) + 12) + b"meta" + bytes(4) + body

    with pytest.raises(UnreadableImage, match="over each other"):
        coded_size(data)


def test_an_animation_announces_its_frames() -> None:
    data = file(drawn(), "AVIF", speed=10, save_all=True, append_images=frames())

    assert any(item.kind == boxes.CODED for item in items(data))
