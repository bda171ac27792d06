"""From a folder of pictures to look-alikes, and through everything that can happen to it."""

import json
import os
import signal
import urllib.request
from functools import partial
from pathlib import Path

from local.queue import Queue
from lookalike.catalogue import image_id_of
from lookalike.folder import Folder
from lookalike.models import SHIPPED, ModelStore
from tests.journeys.conftest import Laptop, Site, drawing, until


def states(folder: Path) -> dict[Path, tuple[int, int]]:
    """All there is, and when its bytes or its permissions were last changed."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in found.items()}


def test_a_folder_is_indexed_searched_and_not_indexed_again(laptop: Laptop) -> None:
    laptop.draw(12)
    (laptop.pictures / "deep/er").mkdir(parents=True)
    odd = laptop.pictures / "deep/er/odd + name ünï 🧵.JPG"
    odd.write_bytes(drawing(99))
    before = states(laptop.pictures)

    done = laptop.index()

    assert (done.returncode, done.stdout) == (0, "13 indexed, 0 rejected\n"), done.stderr
    assert done.stderr == ""  # no bars when nobody looks

    found = laptop.run("search", odd, "--limit", "3", "--data", laptop.data)
    first, *others = found.stdout.splitlines()
    assert first.split("  ") == ["1.000", str(odd)]
    assert len(others) == 2

    again = laptop.index()
    assert again.stdout == "13 indexed, 0 rejected\n"
    assert laptop.indexed() == 13
    assert states(laptop.pictures) == before


def test_search_prints_the_body_of_the_api_or_paths_alone(laptop: Laptop) -> None:
    laptop.draw(5)
    laptop.index()
    picture = laptop.pictures / "0003.jpg"

    body = json.loads(laptop.run("search", picture, "--json", "--limit", "2").stdout)
    paths = laptop.run("search", picture, "--paths", "--crop", "0,0,1,1").stdout.splitlines()

    assert body["results"][0]["key"] == "0003.jpg"
    assert len(body["results"]) == 2
    assert {"query_id", "model", "took_ms"} <= body.keys()
    assert paths[0] == str(picture)
    assert all(Path(path).is_file() for path in paths)


def test_every_file_has_one_fate_and_strict_says_so(laptop: Laptop) -> None:
    laptop.draw(3)
    broken = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"this is no picture", "unsupported_format"),
        "cut.jpg": (drawing(1, 512)[:900], "corrupt"),
        "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    }
    for name, (data, _) in broken.items():
        (laptop.pictures / name).write_bytes(data)
    (laptop.pictures / "loop").symlink_to(laptop.pictures)
    (laptop.pictures / "self.jpg").symlink_to(laptop.pictures / "self.jpg")
    os.mkfifo(laptop.pictures / "pipe.jpg")
    (laptop.pictures / "notes.txt").write_text("not looked at")
    Path(os.fsdecode(os.fsencode(laptop.pictures) + b"/caf\xe9.jpg")).write_bytes(drawing(9))

    lenient, strict = laptop.index(), laptop.index("--strict")

    assert lenient.returncode == 0
    assert strict.returncode == 3
    assert "rejected empty.jpg: empty" in strict.stderr
    status = laptop.status()
    assert {reject["key"]: reject["reason"] for reject in status["rejected"]} == {
        name: reason for name, (_, reason) in broken.items()
    }
    assert (status["indexed"], status["pending"]) == (4, 0)
    assert status["model"]


def test_the_page_follows_the_folder(laptop: Laptop) -> None:
    laptop.draw(3)
    with laptop.up() as page:
        until(lambda: page.keys() == {"0000.jpg", "0001.jpg", "0002.jpg"})

        laptop.draw(1, first=3)
        until(lambda: "0003.jpg" in page.keys())

        before = page.ask(f"v1/images/{image_id_of('0000.jpg')}")[1]["indexed_at"]
        (laptop.pictures / "0000.jpg").write_bytes(drawing(50))
        until(lambda: page.ask(f"v1/images/{image_id_of('0000.jpg')}")[1]["indexed_at"] != before)

        (laptop.pictures / "0001.jpg").unlink()
        until(lambda: "0001.jpg" not in page.keys())

        (laptop.pictures / "0002.jpg").write_bytes(b"broken now")
        until(lambda: page.progress()["rejected"] == 1)
        assert page.keys() == {"0000.jpg", "0003.jpg"}

        (laptop.pictures / "sub").mkdir()
        (laptop.pictures / "sub/4.jpg").write_bytes(drawing(4))
        until(lambda: "sub/4.jpg" in page.keys())
        (laptop.pictures / "sub").rename(laptop.pictures / "dom")
        until(lambda: page.keys() == {"0000.jpg", "0003.jpg", "dom/4.jpg"})


def test_changes_made_while_nobody_looked_are_found_at_the_next_start(laptop: Laptop) -> None:
    laptop.draw(4)
    laptop.index()
    (laptop.pictures / "0000.jpg").unlink()
    (laptop.pictures / "0001.jpg").write_bytes(drawing(51))
    (laptop.pictures / "0002.jpg.metadata.json").write_text('{"blocked": true}')

    with laptop.up() as page:
        until(lambda: page.keys() == {"0001.jpg", "0003.jpg"})
        until(lambda: not page.progress()["pending"])

    assert laptop.indexed() == 6


def test_what_a_person_says_of_a_picture_is_kept_beside_the_data(laptop: Laptop) -> None:
    laptop.draw(3)
    image = f"v1/images/{image_id_of('0001.jpg')}"
    with laptop.up() as page:
        until(lambda: len(page.keys()) == 3)

        assert page.ask(image, "PATCH", {"tags": ["red", "größe"]})[0] == 200
        until(lambda: page.ask(image)[1]["tags"] == ["red", "größe"])
        assert page.ask(image, "PATCH", {"blocked": True})[1]["status"] == "blocked"
        until(lambda: "0001.jpg" not in page.keys())
        status, problem = page.ask(image, "DELETE")

    assert (status, problem["title"]) == (403, "Read-only catalogue")
    assert {path.name for path in laptop.pictures.iterdir()} == {"0000.jpg", "0001.jpg", "0002.jpg"}


def upload(page: Site, data: bytes) -> dict[str, str]:
    asked = {"filename": "mine + ü.jpg", "content_type": "image/jpeg"}
    _, grant = page.ask("v1/uploads", "POST", asked)
    line = "--limit\r\n"
    fields = "".join(
        f'{line}Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in grant["fields"].items()
    )
    head = f'{line}Content-Disposition: form-data; name="file"; filename="x.jpg"\r\n'
    body = f"{fields}{head}Content-Type: image/jpeg\r\n\r\n".encode() + data + b"\r\n--limit--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=limit"}
    target = page.url.rstrip("/") + grant["url"]
    with urllib.request.urlopen(urllib.request.Request(target, body, kind)) as answer:
        assert answer.status == 204
    uploaded: dict[str, str] = grant
    return uploaded


def test_an_upload_is_found_and_can_be_deleted_again(laptop: Laptop) -> None:
    laptop.draw(2)
    with laptop.up() as page:
        grant = upload(page, drawing(77))
        until(lambda: grant["key"] in page.keys())
        with urllib.request.urlopen(f"{page.url}pictures/{grant['image_id']}") as answer:
            assert answer.read() == drawing(77)
        (laptop.folder / "same.jpg").write_bytes(drawing(77))
        found = laptop.run("search", laptop.folder / "same.jpg", "--paths")
        assert found.stdout.splitlines()[0] == str(laptop.data / "written" / grant["key"])

        assert page.ask(f"v1/images/{grant['image_id']}", "DELETE")[0] == 204
        until(lambda: grant["key"] not in page.keys())


def test_other_commands_ask_the_one_that_runs(laptop: Laptop) -> None:
    laptop.draw(3)
    with laptop.up() as page:
        until(lambda: len(page.keys()) == 3)

        search = laptop.run("search", laptop.pictures / "0001.jpg")
        status = laptop.status()
        index = laptop.index("--strict")
        second = laptop.run("up", laptop.pictures, "--data", laptop.data, "--no-browser")
        clean = laptop.run("clean", "--yes", "--data", laptop.data)

    assert search.stdout.startswith(f"1.000  {laptop.pictures / '0001.jpg'}")
    assert status["indexed"] == 3
    assert (index.returncode, index.stdout) == (0, "3 indexed, 0 rejected\n")
    assert second.returncode == 1
    assert page.url in second.stderr
    assert "Traceback" not in second.stderr
    assert clean.returncode == 1
    assert laptop.data.exists()


def has_indexed(laptop: Laptop, count: int) -> bool:
    return laptop.indexed() >= count


def test_kill_9_in_the_middle_of_it_loses_nothing(laptop: Laptop) -> None:
    laptop.draw(240)
    for share in (20, 90, 160):
        process = laptop.start("index", laptop.pictures, "--data", laptop.data)
        until(partial(has_indexed, laptop, share))
        process.send_signal(signal.SIGKILL)
        process.communicate()

    done = laptop.index("--strict")

    assert (done.returncode, done.stdout) == (0, "240 indexed, 0 rejected\n"), done.stderr
    assert laptop.status()["pending"] == 0
    assert laptop.indexed() <= 240 + 3 * (os.cpu_count() or 1)  # what was in flight, once more


def test_a_picture_that_ends_the_process_is_given_up_and_can_be_tried_again(
    laptop: Laptop,
) -> None:
    laptop.draw(3)
    laptop.index()
    (laptop.pictures / "poison.jpg").write_bytes(drawing(60))
    head = Folder(laptop.pictures).head("poison.jpg")
    queue = Queue(laptop.data / "queue.sqlite")
    from local import events

    queue.send([("poison.jpg", events.of("poison.jpg", head))])
    for _ in range(3):
        queue.receive()
        queue.release_in_flight()
    queue.close()

    given_up = laptop.index()
    doctor = laptop.run("doctor", "--data", laptop.data)
    redriven = laptop.run("doctor", "--redrive", "--data", laptop.data)
    after = laptop.index()

    assert given_up.stdout == "3 indexed, 1 rejected\n"
    assert "rejected poison.jpg: ended_the_process" in given_up.stderr
    assert doctor.returncode == 1
    assert "poison.jpg" in doctor.stdout
    assert redriven.returncode == 0
    assert after.stdout == "4 indexed, 0 rejected\n"


def twin(laptop: Laptop, folder: Path) -> str:
    """The shipped encoder under another version."""
    folder.mkdir()
    card = json.loads((SHIPPED / "card.json").read_text())
    (folder / "model.onnx").write_bytes((SHIPPED / "model.onnx").read_bytes())
    (folder / "card.json").write_text(json.dumps({**card, "model": "twin-2"}))
    store = Folder(laptop.data / "models")
    return ModelStore(store, store.root).add(folder).model


def test_another_model_takes_over_without_a_moment_of_no_answer(
    laptop: Laptop, tmp_path: Path
) -> None:
    laptop.draw(30)
    (laptop.pictures / "broken.jpg").write_bytes(b"no picture")
    laptop.index()
    version = twin(laptop, tmp_path / "twin")
    similar = f"v1/images/{image_id_of('0007.jpg')}/similar?min_score=-1"
    with laptop.up() as page:
        promoting = laptop.start("promote", version, "--data", laptop.data)
        models: list[str] = []
        while not models or models[-1] != version:
            status, body = page.ask(similar)
            assert status == 200
            assert len(body["results"]) >= 20
            models.append(body["model"])
        said, _ = promoting.communicate(timeout=60)
        listed = laptop.run("models", "--data", laptop.data)

    assert (promoting.returncode, said) == (0, f"{version} serves\n"), laptop.errors()
    assert models == sorted(models)  # it never went back: standin…, then twin-2
    assert f"live      {version}" in listed.stdout
    assert laptop.index().stdout == "30 indexed, 1 rejected\n"


def test_a_model_is_switched_to_without_a_server_too(laptop: Laptop, tmp_path: Path) -> None:
    laptop.draw(5)
    laptop.index()
    version = twin(laptop, tmp_path / "twin")

    promoted = [laptop.run("promote", version) for _ in range(2)]
    unknown = laptop.run("promote", "nobody-1")

    for done in promoted:
        assert (done.returncode, done.stdout) == (0, f"{version} serves\n"), done.stderr
    assert unknown.returncode == 1
    assert "The model store has no model nobody-1" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_rollback_is_at_once_and_lacks_nothing(laptop: Laptop, tmp_path: Path) -> None:
    laptop.draw(10)
    laptop.index()
    similar = f"v1/images/{image_id_of('0007.jpg')}/similar?min_score=-1&limit=100"
    nowhere = laptop.run("rollback")
    version = twin(laptop, tmp_path / "twin")
    laptop.run("promote", version)
    with laptop.up() as page:
        laptop.draw(1, first=10)
        until(lambda: page.progress()["indexed"] == 11)
        before = page.ask(similar)[1]
        gone_back = laptop.run("rollback")
        listed = laptop.run("models")
        until(lambda: page.ask(similar)[1]["model"] != version)
        after = page.ask(similar)[1]
    gone_forth = laptop.run("rollback")

    assert nowhere.returncode == 1
    assert "no previous model is kept" in nowhere.stderr
    assert before["model"] == version
    assert gone_back.stdout == f"{after['model']} serves\n", gone_back.stderr
    assert f"previous  {version}" in listed.stdout
    assert len(after["results"]) == len(before["results"]) == 10
    assert gone_forth.stdout == f"{version} serves\n", gone_forth.stderr


def test_leaving_is_clean_however_it_is_asked_for(laptop: Laptop) -> None:
    laptop.draw(150)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        enough = laptop.indexed() + 3
        process = laptop.start("index", laptop.pictures, "--data", laptop.data)
        until(partial(has_indexed, laptop, enough))
        process.send_signal(number)
        process.communicate()
        assert process.returncode == code

    assert laptop.errors() == ""
    assert laptop.index().stdout == "150 indexed, 0 rejected\n"
    assert laptop.indexed() == 150  # those in flight were finished first
