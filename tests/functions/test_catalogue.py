"""Browse, describe, edit, upload, delete, health: through the real handler."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from tests.conftest import World, event, jpeg

Ask = Callable[..., tuple[int, dict[str, Any]]]


def query(**values: str) -> dict[str, Any]:
    return {
        "queryStringParameters": values,
        "multiValueQueryStringParameters": {name: [value] for name, value in values.items()},
    }


def browse(ask: Ask, **values: str) -> dict[str, Any]:
    status, body = ask("catalogue", "list_images", **query(**values))
    assert status == 200, body
    return body


def edit(ask: Ask, key: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/images/{image_id_of(key)}"
    return ask("catalogue", "edit_image", path=path, body=json.dumps(fields))


def describe(ask: Ask, key: str) -> tuple[int, dict[str, Any]]:
    return ask("catalogue", "get_image", path=f"/v1/images/{image_id_of(key)}")


@pytest.fixture
def five(world: World) -> World:
    colours = ["red", "green", "blue", "black", "orange"]
    world.drop(**{f"{name}": jpeg(name) for name in colours})
    return world


def test_browsing_by_pages_shows_every_image_once(five: World, ask: Ask) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = browse(ask, limit="2", **({"cursor": cursor} if cursor else {}))
        seen += [image["key"] for image in page["images"]]
        cursor = page["next_cursor"]

    assert sorted(seen) == ["black.jpg", "blue.jpg", "green.jpg", "orange.jpg", "red.jpg"]


def test_browsing_by_prefix(five: World, ask: Ask) -> None:
    found = [image["key"] for image in browse(ask, prefix="bl")["images"]]

    assert sorted(found) == ["black.jpg", "blue.jpg"]


def test_rejected_pictures_are_listed_with_their_reasons(world: World, ask: Ask) -> None:
    world.drop(good=jpeg(), empty=b"", broken=jpeg()[:100])

    rejected = browse(ask, status="rejected")["images"]

    assert {image["key"]: image["reason"] for image in rejected} == {
        "empty.jpg": "empty",
        "broken.jpg": "corrupt",
    }


def test_rejected_pictures_come_in_pages_too(world: World, ask: Ask) -> None:
    world.drop(a=b"", b=b"", c=b"")

    first = browse(ask, status="rejected", limit="2")
    second = browse(ask, status="rejected", limit="2", cursor=first["next_cursor"])

    keys = [image["key"] for image in first["images"] + second["images"]]
    assert sorted(keys) == ["a.jpg", "b.jpg", "c.jpg"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    ("name", "value"), [("status", "lost"), ("limit", "0"), ("cursor", "made up"), ("page", "2")]
)
def test_a_wrong_parameter_is_named(world: World, ask: Ask, name: str, value: str) -> None:
    status, problem = ask("catalogue", "list_images", **query(**{name: value}))

    assert status == 422
    assert [wrong["pointer"] for wrong in problem["errors"]] == [f"/{name}"]


def test_one_image_is_described(world: World, ask: Ask) -> None:
    world.drop(red=jpeg("red", (120, 80)))

    status, image = describe(ask, "red.jpg")

    assert status == 200
    assert (image["key"], image["width"], image["status"]) == ("red.jpg", 120, "visible")
    assert image["url"].endswith(image["image_id"])


def test_a_rejected_picture_says_why(world: World, ask: Ask) -> None:
    world.drop(broken=b"text")

    status, image = describe(ask, "broken.jpg")

    assert status == 200
    assert (image["status"], image["reason"]) == ("rejected", "unsupported_format")


def test_an_unknown_image_is_404(world: World, ask: Ask) -> None:
    assert describe(ask, "absent.jpg")[0] == 404
    assert edit(ask, "absent.jpg", tags=["x"])[0] == 404


def test_an_edit_is_answered_as_it_will_be_and_reaches_the_index(five: World, ask: Ask) -> None:
    status, image = edit(ask, "red.jpg", tags=["warm", "warm"], group="sku-1")

    assert status == 200
    assert (image["tags"], image["group"]) == (["warm"], "sku-1")
    wiring.ingest().sync("red.jpg.metadata.json")
    assert describe(ask, "red.jpg")[1]["tags"] == ["warm"]


def test_an_edit_keeps_what_it_does_not_name(five: World, ask: Ask) -> None:
    five.write("red.jpg.metadata.json", b'{"tags": ["a"], "photographer": "Ann"}')
    wiring.ingest().sync("red.jpg")

    edit(ask, "red.jpg", blocked=True)

    data, _ = wiring.image_store().get("red.jpg.metadata.json")
    assert json.loads(data) == {"tags": ["a"], "photographer": "Ann", "blocked": True}


def test_an_edit_never_writes_into_the_pictures_folder(five: World, ask: Ask) -> None:
    edit(ask, "red.jpg", tags=["x"])

    assert not (five.pictures / "red.jpg.metadata.json").exists()


def test_a_blocked_image_is_listed_as_blocked_only(five: World, ask: Ask) -> None:
    assert edit(ask, "red.jpg", blocked=True)[1]["status"] == "blocked"
    wiring.ingest().sync("red.jpg")

    assert [image["key"] for image in browse(ask, status="blocked")["images"]] == ["red.jpg"]
    assert "red.jpg" not in [image["key"] for image in browse(ask)["images"]]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"tags": "x"}, "/tags"),
        ({"tags": ["x" * 300]}, "/tags/0"),
        ({"blocked": "maybe"}, "/blocked"),
        ({"sponsored": {"campaign": ""}}, "/sponsored/campaign"),
        ({"sponsored": {"campaign": "c", "ends": "soon"}}, "/sponsored/ends"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_wrong_edit_is_refused_and_changes_nothing(
    five: World, ask: Ask, fields: dict[str, Any], pointer: str
) -> None:
    status, problem = edit(ask, "red.jpg", **fields)

    assert status == 422
    assert [wrong["pointer"] for wrong in problem["errors"]] == [pointer]
    assert wiring.image_store().head("red.jpg.metadata.json") is None


def test_a_picture_of_the_owner_is_not_deleted(five: World, ask: Ask) -> None:
    status, problem = ask("catalogue", "delete_image", path=f"/v1/images/{image_id_of('red.jpg')}")

    assert status == 403
    assert "never changes" in problem["detail"]
    assert (five.pictures / "red.jpg").exists()


def test_an_upload_can_be_deleted_again(world: World, ask: Ask) -> None:
    status, grant = ask("catalogue", "grant_upload")
    assert status == 201
    store = wiring.image_store()
    store.accept_upload(grant["fields"], jpeg())  # type: ignore[attr-defined]
    wiring.ingest().sync(grant["key"])

    path = f"/v1/images/{grant['image_id']}"
    status, _ = ask("catalogue", "delete_image", path=path)

    assert status == 204
    wiring.ingest().sync(grant["key"])
    assert ask("catalogue", "get_image", path=path)[0] == 404


@pytest.mark.parametrize(
    ("filename", "content_type", "pointer"),
    [
        ("a.svg", "image/svg+xml", "/content_type"),
        ("a.html", "text/html", "/content_type"),
        ("", "image/png", "/filename"),
    ],
)
def test_only_pictures_may_be_uploaded(
    world: World, ask: Ask, filename: str, content_type: str, pointer: str
) -> None:
    body = json.dumps({"filename": filename, "content_type": content_type})

    status, problem = ask("catalogue", "grant_upload", body=body)

    assert status == 422
    assert [wrong["pointer"] for wrong in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd", "..\\..\\x.jpg", ".htaccess", "a/b\0c.jpg", "<b>.jpg", "🧵"]
)
def test_a_caller_does_not_choose_where_an_upload_lands(
    world: World, ask: Ask, filename: str
) -> None:
    body = json.dumps({"filename": filename, "content_type": "image/jpeg"})

    _, grant = ask("catalogue", "grant_upload", body=body)

    prefix, unique, name = grant["key"].split("/")
    assert (prefix, len(unique)) == ("uploads", 36)
    assert name.endswith(".jpeg")
    assert not name.startswith(".")
    assert not set(name) & set('<>\\"\0')


def test_health_says_what_serves(five: World, ask: Ask) -> None:
    status, health = ask("catalogue", "health")

    assert status == 200
    assert (health["status"], health["model"], health["indexed"]) == ("ok", five.model, 5)


def test_health_is_503_when_nothing_serves(world: World, ask: Ask) -> None:
    wiring.serving().store.delete("serving.json")
    wiring.serving()._recent = None

    status, problem = ask("catalogue", "health")

    assert status == 503
    assert "No model serves" in problem["detail"]


def test_every_route_has_its_event() -> None:
    """Each route of the API can be invoked by hand with a file of events/."""
    routes = {
        (event(name)["httpMethod"], event(name)["resource"])
        for name in (
            "similar_images",
            "search_with_json",
            "list_images",
            "get_image",
            "edit_image",
            "delete_image",
            "grant_upload",
            "health",
            "interactions",
        )
    }

    assert routes == {
        ("GET", "/v1/images/{image_id}/similar"),
        ("POST", "/v1/search"),
        ("GET", "/v1/images"),
        ("GET", "/v1/images/{image_id}"),
        ("PATCH", "/v1/images/{image_id}"),
        ("DELETE", "/v1/images/{image_id}"),
        ("POST", "/v1/uploads"),
        ("GET", "/v1/health"),
        ("POST", "/v1/interactions"),
    }
