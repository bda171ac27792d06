"""GET …/similar and POST /v1/search, through the real handler."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from lookalike import wiring
from lookalike.catalogue import image_id_of
from lookalike.errors import IndexUnavailable
from tests.conftest import KEY, World, event, jpeg

Ask = Callable[..., tuple[int, dict[str, Any]]]


def similar(ask: Ask, key: str, **query: str) -> tuple[int, dict[str, Any]]:
    return ask(
        "search",
        "similar_images",
        path=f"/v1/images/{image_id_of(key)}/similar",
        queryStringParameters=query,
        multiValueQueryStringParameters={name: [value] for name, value in query.items()},
    )


def find(ask: Ask, **body: Any) -> tuple[int, dict[str, Any]]:
    return ask("search", "search_with_json", body=json.dumps(body))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def keys(body: dict[str, Any]) -> list[str]:
    return [result["key"] for result in body["results"]]


@pytest.fixture
def colours(world: World) -> World:
    world.drop(
        red=jpeg("red"),
        orange=jpeg("orangered"),
        green=jpeg("green", dot="white"),
        blue=jpeg("blue", dot="yellow"),
    )
    return world


def test_the_nearest_picture_comes_first(colours: World, ask: Ask) -> None:
    status, body = similar(ask, "red.jpg", min_score="-1")

    assert status == 200
    assert keys(body)[0] == "orange.jpg"
    assert "red.jpg" not in keys(body)
    assert [result["position"] for result in body["results"]] == [1, 2, 3]
    assert body["anchor"]["key"] == "red.jpg"
    assert body["model"] == colours.model


def test_an_awkward_key_can_be_an_anchor(colours: World, ask: Ask) -> None:
    colours.write(KEY, jpeg("purple"))
    wiring.ingest().sync(KEY)

    status, body = ask("search", "similar_images")

    assert status == 200
    assert body["anchor"]["key"] == KEY
    assert all(result["explain"] for result in body["results"])


def test_a_search_with_the_bytes_of_a_picture_finds_that_picture(colours: World, ask: Ask) -> None:
    status, body = ask("search", "search_with_bytes", body=text(jpeg("blue", dot="yellow")))

    assert status == 200
    assert keys(body)[0] == "blue.jpg"
    assert body["results"][0]["score"] > 0.99
    assert set(body["took_ms"]) >= {"decode", "encode", "search", "total"}


def test_one_picture_gives_one_vector_whether_indexed_or_sent(world: World, ask: Ask) -> None:
    """Large enough for the decoder to have a choice of how far to reduce it."""
    photo = jpeg("teal", (640, 480), dot="gold")
    world.drop(photo=photo)

    _, body = find(ask, image=text(photo))

    assert body["results"][0]["score"] == pytest.approx(1, abs=1e-4)


def test_a_crop_looks_at_that_part_only(colours: World, ask: Ask) -> None:
    from io import BytesIO

    from PIL import Image

    both = Image.new("RGB", (192, 96), "black")
    both.paste(Image.open(BytesIO(jpeg("blue", dot="yellow"))), (96, 0))
    file = BytesIO()
    both.save(file, "PNG")
    right = {"x": 0.5, "y": 0.0, "w": 0.5, "h": 1.0}

    status, body = find(ask, image=text(file.getvalue()), crop=right)

    assert status == 200
    assert keys(body)[0] == "blue.jpg"
    assert body["results"][0]["score"] > 0.95


def test_a_crop_of_an_image_of_the_catalogue_works_the_same(colours: World, ask: Ask) -> None:
    whole = {"x": 0, "y": 0, "w": 1, "h": 1}

    status, body = find(ask, image_id=image_id_of("blue.jpg"), crop=whole)

    assert status == 200
    assert keys(body)[0] == "blue.jpg"


def test_examples_steer_the_answer(colours: World, ask: Ask) -> None:
    _, towards = find(
        ask, image_id=image_id_of("red.jpg"), positive=[image_id_of("green.jpg")], min_score=-1
    )
    _, away = find(
        ask, image_id=image_id_of("red.jpg"), negative=[image_id_of("green.jpg")], min_score=-1
    )

    assert set(keys(towards)) == {"orange.jpg", "blue.jpg"}
    scores = [
        {result["key"]: result["score"] for result in body["results"]}["blue.jpg"]
        for body in (towards, away)
    ]
    assert scores[0] > scores[1]


def test_only_images_with_every_tag_come_back(colours: World, ask: Ask) -> None:
    colours.write("blue.jpg.metadata.json", b'{"tags": ["sea", "sky"]}')
    colours.write("green.jpg.metadata.json", b'{"tags": ["sea"]}')
    for key in ("blue.jpg", "green.jpg"):
        wiring.ingest().sync(key)

    _, body = similar(ask, "red.jpg", tags="sea,sky", min_score="-1")

    assert keys(body) == ["blue.jpg"]


def test_a_blocked_image_is_never_an_answer(colours: World, ask: Ask) -> None:
    colours.write("orange.jpg.metadata.json", b'{"blocked": true}')
    wiring.ingest().sync("orange.jpg")

    _, body = similar(ask, "red.jpg", min_score="-1")

    assert "orange.jpg" not in keys(body)


def test_a_page_is_full_although_most_of_the_nearest_are_duplicates(world: World, ask: Ask) -> None:
    copies = {f"copy{number}": jpeg("red") for number in range(40)}
    others = {name: jpeg(name, dot="white") for name in ("blue", "green", "black")}
    world.drop(anchor=jpeg("navy", dot="red"), **copies, **others)

    _, body = similar(ask, "anchor.jpg", limit="4", min_score="-1")

    assert len(body["results"]) == 4
    assert sum(key.startswith("copy") for key in keys(body)) == 1


def test_no_good_match_is_an_answer(colours: World, ask: Ask) -> None:
    status, body = similar(ask, "red.jpg", min_score="0.9999")

    assert status == 200
    assert body["results"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"image_id": "x"}, "/image_id"),
        ({"image": "***"}, "/image"),
        ({"image": text(b"no picture")}, None),
        ({"image": text(jpeg()[:300])}, "/image"),
        ({"image": text(jpeg()), "limit": 101}, "/limit"),
        ({"image": text(jpeg()), "limit": 0}, "/limit"),
        ({"image": text(jpeg()), "limit": "many"}, "/limit"),
        ({"image": text(jpeg()), "min_score": 2}, "/min_score"),
        ({"image": text(jpeg()), "crop": {"x": 0, "y": 0, "w": 0, "h": 1}}, "/crop/w"),
        ({"image": text(jpeg()), "crop": {"x": 0.5, "y": 0, "w": 0.9, "h": 1}}, "/crop/w"),
        ({"image": text(jpeg()), "crop": {"x": 0, "y": 0, "w": 1}}, "/crop/h"),
        ({"image": text(jpeg()), "colour": "red"}, "/colour"),
        ({"image": text(jpeg()), "tags": [""]}, "/tags/0"),
        ({"positive": ["x"]}, "/positive/0"),
        ({"crop": {"x": 0, "y": 0, "w": 1, "h": 1}}, ""),
    ],
)
def test_a_wrong_field_is_named(
    world: World, ask: Ask, body: dict[str, Any], pointer: str | None
) -> None:
    status, problem = find(ask, **body)

    if pointer is None:  # bytes of no format that we read
        assert status == 415
    else:
        assert status == 422
        assert pointer in [wrong["pointer"] for wrong in problem["errors"]]
    assert problem["status"] == status
    assert problem["title"]


@pytest.mark.parametrize("name", ["limit", "explain", "crop", "min_score", "unknown"])
def test_a_wrong_parameter_is_named(colours: World, ask: Ask, name: str) -> None:
    status, problem = ask(
        "search",
        "search_with_bytes",
        queryStringParameters={name: "?"},
        multiValueQueryStringParameters={name: ["?"]},
    )

    assert status == 422
    assert any(wrong["pointer"].startswith(f"/{name}") for wrong in problem["errors"])


def test_an_unknown_image_is_404(colours: World, ask: Ask) -> None:
    assert similar(ask, "absent.jpg")[0] == 404
    assert find(ask, image_id=image_id_of("absent.jpg"))[0] == 404
    assert find(ask, image=text(jpeg()), negative=[image_id_of("absent.jpg")])[0] == 404


@pytest.mark.parametrize("image_id", ["x", "../../etc/passwd", "%00", "'; drop table"])
def test_no_spelling_of_an_id_is_an_error_of_ours(world: World, ask: Ask, image_id: str) -> None:
    status, _ = ask("search", "similar_images", path=f"/v1/images/{image_id}/similar")

    assert status in (404, 422)


def test_another_type_of_body_is_415(world: World, ask: Ask) -> None:
    headers = {**event("search_with_json")["headers"], "Content-Type": "text/csv"}

    status, problem = ask(
        "search",
        "search_with_json",
        headers=headers,
        multiValueHeaders={name: [value] for name, value in headers.items()},
    )

    assert status == 415
    assert "text/csv" in problem["detail"]


def test_too_many_pixels_are_413(world: World, ask: Ask) -> None:
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")

    assert find(ask, image=text(file.getvalue()))[0] == 413


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", "[" * 100_000])
def test_a_body_that_is_no_json_object_is_422(world: World, ask: Ask, body: str) -> None:
    assert ask("search", "search_with_json", body=body)[0] == 422


def test_an_unknown_route_is_a_problem_too(world: World, ask: Ask) -> None:
    status, problem = ask("search", "search_with_json", path="/v1/nothing")

    assert (status, problem["status"]) == (404, 404)


def test_an_index_that_is_down_is_503_and_says_when_to_come_back(
    colours: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import Context

    def fail(*_: object) -> None:
        raise IndexUnavailable("down")

    monkeypatch.setattr(wiring.index(), "similar", fail)
    request = event("similar_images")
    answer = colours.handler("search").lambda_handler(request, Context())

    assert answer["statusCode"] == 503
    assert answer["multiValueHeaders"]["Retry-After"] == ["2"]
    assert answer["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


def test_a_bug_of_ours_is_500_and_tells_nothing(
    colours: World, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(wiring.index(), "similar", fail)
    status, problem = ask("search", "similar_images")

    assert status == 500
    assert "secret" not in json.dumps(problem)


def test_every_step_of_a_search_is_measured_apart(
    world: World, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    world.drop(red=jpeg(), blue=jpeg("blue"))

    find(ask, image=text(jpeg()))

    documents = [
        json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line
    ]
    measured = documents[-1]
    for step in ("decode", "encode", "search", "rank", "total"):
        assert len(measured[step]) == 1
    units = {
        one["Name"]: one["Unit"] for one in measured["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert units == dict.fromkeys(
        ("decode", "encode", "search", "rank", "total"), "Milliseconds"
    ) | {"requests": "Count"}


@pytest.fixture
def curious(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Twelve pictures, and chance in every answer that may be left to it."""
    colours = ("red", "green", "blue", "gold", "teal", "pink", "navy", "lime", "tan", "grey")
    world.drop(**{name: jpeg(name, dot="white") for name in (*colours, "plum", "coral")})
    monkeypatch.setenv("LOOKALIKE_EXPLORATION", "1")
    wiring.settings.cache_clear()
    wiring.search.cache_clear()
    return world


@pytest.mark.usefixtures("curious")
def test_a_session_is_shown_one_drawn_place_which_says_so(ask: Ask) -> None:
    query = {"session_id": "session-1", "limit": "8", "min_score": "-1"}

    _, shown = similar(ask, "red.jpg", **query)
    _, told = similar(ask, "red.jpg", **query, explain="true")

    [drawn] = [one for one in told["results"] if one["slot"] == "explore"]
    assert drawn["explain"][-1]["stage"] == "explore"
    assert keys(shown) == keys(told)
    assert [one["slot"] for one in shown["results"]].count("explore") == 1
    signed = wiring.naming().read(shown["query_id"])
    assert signed.policy == "baseline-1-explore-1"
    assert signed.results[drawn["position"] - 1].propensity == pytest.approx(1 / 8 / 11)


@pytest.mark.usefixtures("curious")
def test_whoever_names_no_session_is_shown_the_ranking_itself(ask: Ask) -> None:
    _, shown = similar(ask, "red.jpg", limit="8", min_score="-1")

    assert {one["slot"] for one in shown["results"]} == {"organic"}
