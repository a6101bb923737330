"""Answers: JSON, and what was wrong as a sentence, in JSON or as a small page."""

import html
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from chainrule.display.page import page
from chainrule.errors import ArgumentError, ChainruleError

__all__ = ["DOCUMENT", "GONE", "HANDLERS", "missing", "refusal", "to_json"]

DOCUMENT = {"Content-Security-Policy": "frame-ancestors 'self'"}  # besides the policy that each document has within it
GONE = 499  # the status of what nobody waits for any more

_TITLES = {403: "Not let in", 404: "Not there", 413: "Too large", 500: "Something failed within the studio"}


def to_json(value: Any, status: int = 200) -> Response:
    """Strict JSON."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")


def refusal(scope: Scope, status: int, sentence: str) -> Response:
    """What was wrong, as the route answers: JSON below /api, else a page."""
    if scope["path"].startswith("/api/"):
        return to_json({"error": sentence}, status)
    title = _TITLES.get(status, "This cannot be shown")
    told = page(title, f'<p class="error">{html.escape(sentence)}</p>')
    return HTMLResponse(told.encode("utf-8", "replace"), status, headers=DOCUMENT)


def missing(what: str) -> HTTPException:
    """That something named in an address is not there."""
    return HTTPException(404, what)


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(request.scope, error.status_code, error.detail)


def _of_user(request: Request, error: Exception) -> Response:
    """Errors that a user can mend: of what was asked for, or of what it was asked of."""
    status = 409
    if isinstance(error, ArgumentError):
        status = 422 if request.method == "POST" else 400
    return refusal(request.scope, status, str(error))


def _of_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=GONE)


def _unforeseen(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 500, f"{type(error).__name__}: the studio's terminal has the details.")


HANDLERS: dict[Any, Any] = {
    HTTPException: _of_http,
    ClientDisconnect: _of_nobody,
    ChainruleError: _of_user,
    OSError: _of_user,
    Exception: _unforeseen,
}
