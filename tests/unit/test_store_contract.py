"""A bucket, a folder and the store that simulations trust keep the same promises."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from lookalike.bucket import Bucket
from lookalike.errors import ReadOnlyCatalogue, StoreUnavailable, UnreadableImage, UploadRefused
from lookalike.folder import Folder
from lookalike.stores import ABSENT, MissingObject, PreconditionFailed, Store
from tests.simulator.memory import MemoryStore

AWKWARD_KEYS = [
    "plain.jpg",
    "a folder/red + blue 🧵 01.jpg",
    "percent %2B encoded.jpg",
    "quotes ' \" <b>.jpg",
    "naïve/日本語/ü.jpg",
    "new\nline.jpg",
]


@pytest.fixture(params=["bucket", "folder", "folder with written apart", "simulated"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "folder":
        yield Folder(tmp_path / "root")
    elif request.param == "simulated":
        yield MemoryStore()
    elif request.param == "folder with written apart":
        (tmp_path / "root").mkdir()
        yield Folder(tmp_path / "root", tmp_path / "written")
    else:
        with mock_aws():
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket="pictures")
            yield Bucket(client, "pictures")


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_what_is_put_can_be_read_and_listed_under_the_same_key(store: Store, key: str) -> None:
    etag = store.put(key, b"bytes", "image/jpeg")

    assert store.get(key) == (b"bytes", etag)
    head = store.head(key)
    assert head is not None
    assert (head.etag, head.size) == (etag, 5)
    assert dict(store.keys()) == {key: head}


def test_an_absent_object_has_no_head_and_cannot_be_read(store: Store) -> None:
    assert store.head("absent.jpg") is None
    with pytest.raises(MissingObject):
        store.get("absent.jpg")


def test_other_bytes_have_another_etag(store: Store) -> None:
    first = store.put("a.jpg", b"first", "image/jpeg")

    assert store.put("a.jpg", b"second", "image/jpeg") != first


def test_a_delete_can_be_repeated(store: Store) -> None:
    store.put("a.jpg", b"bytes", "image/jpeg")

    store.delete("a.jpg")
    store.delete("a.jpg")

    assert store.head("a.jpg") is None


def test_keys_lists_what_starts_with_the_prefix(store: Store) -> None:
    for key in ("a/1.jpg", "a/2.jpg", "ab.jpg", "b/1.jpg"):
        store.put(key, b"x", "image/jpeg")

    assert sorted(key for key, _ in store.keys("a/")) == ["a/1.jpg", "a/2.jpg"]
    assert sorted(key for key, _ in store.keys("a")) == ["a/1.jpg", "a/2.jpg", "ab.jpg"]


def test_nothing_larger_than_the_limit_is_read(store: Store) -> None:
    store.put("large.jpg", b"12345", "image/jpeg")

    with pytest.raises(UnreadableImage, match="too_many_bytes"):
        store.get("large.jpg", max_bytes=4)
    assert store.get("large.jpg", max_bytes=5)[0] == b"12345"


def test_a_compare_and_set_wins_only_against_the_version_it_saw(store: Store) -> None:
    first = store.put("state.json", b"1", "application/json", if_match=ABSENT)
    with pytest.raises(PreconditionFailed):
        store.put("state.json", b"x", "application/json", if_match=ABSENT)

    second = store.put("state.json", b"22", "application/json", if_match=first)
    with pytest.raises(PreconditionFailed):
        store.put("state.json", b"x", "application/json", if_match=first)

    assert store.get("state.json") == (b"22", second)


def test_a_compare_and_set_on_an_absent_object_fails(store: Store) -> None:
    with pytest.raises(PreconditionFailed):
        store.put("state.json", b"x", "application/json", if_match="some-etag")


def test_an_upload_is_granted_for_one_key_and_type(store: Store) -> None:
    grant = store.grant_upload("uploads/a.jpg", "image/jpeg", 1000)

    assert grant.fields["key"] == "uploads/a.jpg"
    assert grant.fields["Content-Type"] == "image/jpeg"


def test_a_bucket_that_is_not_there_is_a_dependency_fault() -> None:
    with mock_aws():
        bucket = Bucket(boto3.client("s3", region_name="us-east-1"), "absent")
        with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
            bucket.put("a.jpg", b"x", "image/jpeg")


# What only a folder can get wrong.


@pytest.mark.parametrize(
    "key", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "a//b", "\0"]
)
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = Folder(tmp_path / "root")

    assert folder.head(key) is None
    with pytest.raises(MissingObject):
        folder.get(key)
    with pytest.raises(ReadOnlyCatalogue):
        folder.put(key, b"x", "image/jpeg")


def test_the_pictures_folder_is_never_written(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "mine.jpg").write_bytes(b"mine")
    folder = Folder(root, tmp_path / "written")

    folder.put("mine.jpg.metadata.json", b"{}", "application/json")

    assert [path.name for path in root.iterdir()] == ["mine.jpg"]
    assert folder.get("mine.jpg.metadata.json")[0] == b"{}"
    with pytest.raises(ReadOnlyCatalogue):
        folder.delete("mine.jpg")
    assert (root / "mine.jpg").read_bytes() == b"mine"


def test_what_was_written_wins_over_what_lies_in_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.json").write_bytes(b"theirs")
    folder = Folder(root, tmp_path / "written")

    folder.put("a.json", b"ours", "application/json")

    assert folder.get("a.json")[0] == b"ours"
    assert [key for key, _ in folder.keys()] == ["a.json"]


def test_only_ordinary_visible_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / ".hidden.jpg").write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "b.jpg").write_bytes(b"x")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "itself.jpg").symlink_to(tmp_path / "itself.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")

    assert [key for key, _ in Folder(tmp_path).keys()] == ["a.jpg"]


def test_a_name_that_is_not_utf8_is_a_key_like_any_other(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")
    folder = Folder(tmp_path)

    ((key, head),) = folder.keys()

    assert key.encode()
    assert folder.get(key) == (b"x", head.etag)


def test_an_upload_is_stored_as_granted_and_refused_otherwise(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "root", tmp_path / "written")
    fields = folder.grant_upload("uploads/a.jpg", "image/jpeg", 4).fields

    def refused(because: str, data: bytes = b"data", **changes: str) -> None:
        with pytest.raises(UploadRefused, match=because):
            folder.accept_upload({**fields, **changes}, data)

    refused("not the one", key="uploads/b.jpg")
    refused("not the one", expires="99999999999")
    refused("not the one", signature="")
    refused("not the one", signature="ü")
    refused("1 to 4 bytes", data=b"12345")
    refused("1 to 4 bytes", data=b"")
    assert folder.accept_upload(fields, b"data") == "uploads/a.jpg"
    assert folder.get("uploads/a.jpg")[0] == b"data"


def test_a_name_that_is_too_long_for_the_disk_is_refused_for_good(tmp_path: Path) -> None:
    """A picture's own name may just fit, and its sidecar's not: asking again changes nothing."""
    with pytest.raises(ReadOnlyCatalogue, match="longer name than a file may have"):
        Folder(tmp_path).put(f"{'n' * 250}.metadata.json", b"{}", "application/json")


def test_a_grant_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lookalike.folder.UPLOAD_SECONDS", -1)
    folder = Folder(tmp_path)
    fields = folder.grant_upload("a.jpg", "image/jpeg", 4).fields

    with pytest.raises(UploadRefused, match="expired"):
        folder.accept_upload(fields, b"data")


def test_writers_at_once_all_count(tmp_path: Path) -> None:
    """Compare-and-set under contention: every increment survives."""
    from concurrent.futures import ThreadPoolExecutor

    folder = Folder(tmp_path)
    folder.put("count", b"0", "text/plain")

    def increment(_: int) -> None:
        while True:
            data, etag = folder.get("count")
            try:
                folder.put("count", str(int(data) + 1).encode(), "text/plain", if_match=etag)
            except PreconditionFailed:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(increment, range(40)))

    assert folder.get("count")[0] == b"40"


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Root may read everything, so root steps down for the test."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    yield
    if was_root:
        os.seteuid(0)


def test_a_file_that_may_not_be_read_says_so(as_nobody: None) -> None:
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, "mine.jpg")
        path.write_bytes(b"mine")
        path.chmod(0)

        folder = Folder(Path(root))
        head = folder.head("mine.jpg")
        with pytest.raises(UnreadableImage, match="permission_denied") as refused:
            folder.get("mine.jpg")

        assert head is not None
        assert refused.value.etag == head.etag
