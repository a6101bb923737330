"""Who may ask: the guard before every route, since a page of any other site can send requests to this machine too.

- ``Host`` has to name this machine, or a site whose name is made to lead here would be the same origin as the studio.
- Whoever asks shows the token that the address that was opened had: as a cookie that no script reads.
- What changes something (POST) has to come from the studio's own page: ``Origin``.
- A body is no longer than its route allows.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chainrule._choices import whole_in
from chainrule.studio.answers import refusal

__all__ = ["LOCAL", "Access", "Guard"]

LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HOW = "Open the address with the token that chainrule studio printed when it started."


@dataclass(frozen=True)
class Access:
    """What a request has to have.

    Attributes:
        token: the secret of the opened address.
        hosts: the names that ``Host`` may have, without the port.
        any_address: whether it may also be any number of a machine, as where the server listens on all of them; a
            name that is made to lead here is none.
        most: bytes of a body, and uploads: of one that is a file.
    """

    token: str
    hosts: frozenset[str] = LOCAL
    any_address: bool = False
    most: int = 2**20
    uploads: int = 2**24

    @property
    def cookie(self) -> str:
        """The name of the cookie: of two studios on one machine, each has its own."""
        return f"chainrule-{hashlib.sha256(self.token.encode()).hexdigest()[:12]}"

    def is_token(self, given: str) -> bool:
        """Whether it is the token; it takes as long for any other."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def is_host(self, header: str) -> bool:
        """Whether the header Host names this machine.

        >>> access = Access("secret")
        >>> [access.is_host(name) for name in ("localhost:8642", "[::1]", "studio.example", "127.0.0.1.example", "")]
        [True, True, False, False, False]
        """
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in map(str.lower, self.hosts) or (self.any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """Refuses what is not allowed in, counts bodies, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.access.uploads if scope["path"] == "/api/uploads" else self.access.most
        answer = self._entering(scope, Headers(scope=scope), most)
        respond = self.app if answer is None else answer
        await respond(scope, _counted(receive, most), _with_headers(send))

    def _entering(self, scope: Scope, headers: Headers, most: int) -> Response | None:
        """What is answered in the place of the route; None where the request may go on to it."""
        host = headers.get("host", "")
        if not self.access.is_host(host):
            return refusal(scope, 403, f"this studio does not answer to the name {host!r}. {_HOW}")
        if scope["method"] not in ("GET", "HEAD") and not _is_own(headers.get("origin", ""), host):
            return refusal(
                scope, 403, "this did not come from the studio's own page. Use the page, or send its Origin."
            )
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if scope["path"] == "/" and given is not None:
            return self._let_in(scope, given[0])
        if not self.access.is_token(HTTPConnection(scope).cookies.get(self.access.cookie, "")):
            return refusal(scope, 403, f"this studio does not know you. {_HOW}")
        length = whole_in(headers.get("content-length", "0"))
        if length is None or length > most:
            return refusal(scope, 413, _too_large(most))
        return None

    def _let_in(self, scope: Scope, given: str) -> Response:
        if not self.access.is_token(given):
            return refusal(scope, 403, f"the token of this address is not this studio's. {_HOW}")
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(self.access.cookie, self.access.token, httponly=True, samesite="strict")
        return answer


def _is_own(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def _too_large(most: int) -> str:
    return f"this is larger than {most / 2**20:g} MB, the most that is taken. Start with a larger `max_upload`."


def _counted(receive: Receive, most: int) -> Receive:
    """The body, up to so many bytes: one that does not tell its length is cut off too."""
    taken = 0

    async def counting() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, _too_large(most))
        return message

    return counting


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
