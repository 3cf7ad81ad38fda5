"""Routes: a path, and a function that gives what lies there. Nothing can be changed through them.

Rules:
- Only GET and HEAD are answered, and only exact paths.
- Every answer says that it may not be kept, framed, sniffed or read by another site.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeAlias

METHODS: Final = ("GET", "HEAD")
SAFE_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
"""Headers of every answer; one that says them itself is stronger."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: method, path, the text after the question mark, and headers by name in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered: status, body, its media type, and further headers."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Route: TypeAlias = Callable[[], Response]
Routes: TypeAlias = Mapping[str, Route]


def answer(routes: Routes, request: Request) -> Response:
    """Return what lies at the path of a request, or why there is nothing."""
    if request.method not in METHODS:
        return said(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered here", {"Allow": ", ".join(METHODS)})
    route = routes.get(request.path)
    if route is None:
        return said(HTTPStatus.NOT_FOUND, f"there is nothing here; there is {', '.join(sorted(routes))}")
    return route()


def said(status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a sentence as an answer."""
    return Response(status, f"{sentence}\n".encode(), headers=headers or {})
