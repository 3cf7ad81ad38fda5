"""The guard before the routes: who asks under the right name, and with the token where there is one.

Rules:
- The Host header must be an address, ``localhost`` or a name that was allowed: a web page that has its own name
  resolved to this machine (DNS rebinding) asks under that name, and is refused.
- A token is compared in constant time. It comes as ``Authorization: Bearer``, or once as ``?token=`` in the address,
  which makes a cookie of it that scripts cannot read and leaves the address.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs

from ledger.serving.routing import Request, Response, said

COOKIE: Final = "dagster_ledger_token"
_BEARER: Final = "bearer "
_LOCAL: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets requests through.

    Attributes:
        token: What has to be shown, ``None`` where nothing has to be.
        names: Names that the server may be asked under, in lower case, beside addresses and ``localhost``.
    """

    token: str | None = None
    names: frozenset[str] = frozenset()

    def refusal(self, request: Request) -> Response | None:
        """Return what is answered in place of what was asked for, ``None`` where the request may pass."""
        if not self._is_known(request.headers.get("host", "")):
            sentence = "this server is not asked under that name; use its address, or start it with --allow-host NAME"
            return said(HTTPStatus.MISDIRECTED_REQUEST, sentence)
        if self.token is None:
            return None
        offered = parse_qs(request.query).get("token")
        if offered is not None and self._fits(offered[0]):
            cookie = f"{COOKIE}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            return said(HTTPStatus.SEE_OTHER, "go on", {"Location": request.path, "Set-Cookie": cookie})
        if self._fits(_shown(request)):
            return None
        sentence = "show the token: as ?token= once, or as Authorization: Bearer"
        return said(HTTPStatus.UNAUTHORIZED, sentence, {"WWW-Authenticate": 'Bearer realm="dagster-ledger"'})

    def _fits(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), (self.token or "").encode())

    def _is_known(self, host: str) -> bool:
        name = _name_of(host)
        return name == _LOCAL or name in self.names or _is_address(name)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    return host.lower() == _LOCAL or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _shown(request: Request) -> str:
    authorization = request.headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _name_of(host: str) -> str:
    """Return the name in a Host header, without its port (RFC 9110, section 7.2)."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
