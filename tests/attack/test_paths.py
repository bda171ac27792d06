"""Paths and links that lead out of what is served, byte by byte."""

import pytest

from tests.attack.target import SECRET, Target

PATHS = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..\\secret.txt",
    "/..%5csecret.txt",
    "/....//secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%ef%bc%8e%ef%bc%8e/secret.txt",
    "/%e2%80%a5/secret.txt",
    "//secret.txt",
    "/%2fetc%2fpasswd",
    "/page.js%00.txt",
    "/.%00./secret.txt",
    "/~/secret.txt",
    "/file:///etc/passwd",
    "/pictures/../../secret.txt",
    "/pictures/%2e%2e%2f%2e%2e%2fsecret.txt",
    "/pictures/note.jpg",
    "/pictures/letter.txt",
    "/pictures/away/private.jpg",
    "/pictures/.hidden.jpg",
    "/thumbnails/../rejects/x.json",
    "/thumbnails/%2e%2e%2frejects%2fx.webp",
    "/thumbnails/..%5c..%5csigning.json",
    "/uploads/../secret.txt",
    "/v1/../local/progress",
    "/local/%2e%2e/%2e%2e/secret.txt",
    "/.git/config",
    "/.env",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_to_what_is_not_served(target: Target, path: str) -> None:
    answer = target.say(
        f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode()
    )

    status = int(answer.split()[1])
    assert status in (400, 404, 405)
    assert SECRET not in answer
    assert b"root:" not in answer


def test_a_way_that_leads_back_ends_at_this_server(target: Target) -> None:
    for path in ("/pictures/..", "/x/..", "/./."):
        answer = target.ask("GET", path)

        assert answer.status in (307, 404)
        location = answer.headers.get("location", f"http://{target.host}/")
        assert location.startswith(f"http://{target.host}/")


def test_links_out_of_the_folder_show_nothing_but_pictures_that_were_meant(target: Target) -> None:
    """A link to a folder is not entered; one to a file is a picture, if a picture is what it is."""
    browsed = target.ask("GET", "/v1/images?limit=100").json()["images"]

    keys = {image["key"] for image in browsed}
    assert not keys & {"note.jpg", "away/private.jpg", ".hidden.jpg", "letter.txt"}
