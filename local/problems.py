"""What the laptop's own routes answer when they cannot: problem+json, RFC 9457."""

from starlette.responses import JSONResponse


def problem(status: int, title: str, detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")
