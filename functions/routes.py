"""Every route of the HTTP API: what it takes, what it answers, who may call it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from lookalike.bodies import (
    AnswerBody,
    GrantBody,
    HealthBody,
    ImageBody,
    PageBody,
    RecordedBody,
    RejectBody,
)
from lookalike.metrics import Measure, MetricsBody
from lookalike.requests import Asked, Browse, Edit, Find, NewInteractions, NewUpload

JSON = "application/json"
PICTURES = "image/*"
TEXT = "text/plain"
API_KEY = ("api_key",)
IAM = ("iam",)

Link = tuple[str, str, str]  # an operation, its parameter, where in this answer its value is


def _about(pointer: str) -> dict[str, Link]:
    """What can be asked about the image whose id is there."""
    operations = {
        "one": "get_images_one",
        "similar": "get_images_one_similar",
        "edit": "patch_images_one",
        "delete": "delete_images_one",
    }
    return {name: (asked, "image_id", pointer) for name, asked in operations.items()}


@dataclass(frozen=True)
class Route:
    """One operation. answers: the body's shape, or None for an answer without one.

    security: any one of these schemes lets a caller in; none of them, and anybody may call.
    links: what can be asked next, by a name of its own.
    """

    method: str
    path: str
    tag: str
    summary: str
    answers: Any
    status: int = 200
    parameters: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    also_as: str = ""  # another media type for the body
    security: tuple[str, ...] = API_KEY
    description: str = ""
    links: Mapping[str, Link] = field(default_factory=dict)

    @property
    def operation_id(self) -> str:
        words = self.path.removeprefix("/v1/").replace("{image_id}", "one").split("/")
        return "_".join([self.method.lower(), *words])


ROUTES = (
    Route(
        "GET",
        "/v1/images",
        "catalogue",
        "Browse the catalogue, newest first.",
        PageBody,
        parameters=Browse,
        links={"next": ("get_images", "cursor", "/next_cursor"), **_about("/images/0/image_id")},
    ),
    Route(
        "GET",
        "/v1/images/{image_id}",
        "catalogue",
        "One image, or why it was refused.",
        ImageBody | RejectBody,
    ),
    Route(
        "PATCH",
        "/v1/images/{image_id}",
        "catalogue",
        "Tag, block, group or sponsor an image; the index follows within seconds.",
        ImageBody | RejectBody,
        body=Edit,
        security=IAM,
    ),
    Route(
        "DELETE",
        "/v1/images/{image_id}",
        "catalogue",
        "Delete the image's object.",
        None,
        status=204,
        security=IAM,
    ),
    Route(
        "GET",
        "/v1/images/{image_id}/similar",
        "search",
        "The images that look most like this one.",
        AnswerBody,
        parameters=Asked,
        links=_about("/results/0/image_id"),
    ),
    Route(
        "POST",
        "/v1/search",
        "search",
        "The images that look like the given bytes, image, part of an image, or examples.",
        AnswerBody,
        body=Find,
        also_as=PICTURES,
        description="With a picture as its body, the other fields go into the query string: "
        "limit=5&tags=a,b&crop=0.1,0.2,0.5,0.4.",
        links=_about("/results/0/image_id"),
    ),
    Route(
        "POST",
        "/v1/uploads",
        "catalogue",
        "Permission to add one image to the catalogue. A deployment asks for a key or for IAM.",
        GrantBody,
        status=201,
        body=NewUpload,
        security=API_KEY + IAM,
    ),
    Route(
        "POST",
        "/v1/interactions",
        "interactions",
        "Tell what people did with answers: up to 500 impressions, clicks and dwells.",
        RecordedBody,
        status=202,
        body=NewInteractions,
        also_as=TEXT,
        security=(),
        description="Each event is believed only with the signed query_id of the answer it is "
        "about, so nobody needs a key. Send again what got no answer: an event counts once.",
    ),
    Route(
        "GET",
        "/v1/metrics",
        "metrics",
        "How much of what was shown was clicked, for how long, and of which model.",
        MetricsBody,
        parameters=Measure,
        description="By UTC day, ISO week or month, with 95 % intervals clustered by session.",
    ),
    Route("GET", "/v1/health", "catalogue", "What serves.", HealthBody),
)
