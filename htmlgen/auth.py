"""Who asks: the local user, somebody who logged in, or a program with a key.

    auth = Auth(settings, host="127.0.0.1", accounts=Accounts(...), keys=ApiKeys(...))
    user = await auth.identify(headers, client_host)        # None is a stranger

Without settings the server is for the person in front of it: it listens on this machine only, and a request that comes from
this machine, under this machine's own name and through no proxy, is that of the one local user. As soon as others can
reach it (another address, a tunnel, a name in HTMLGEN_HOSTS) everybody logs in, and it does not start without a way to.

Sessions are Chainlit's signed cookies. What this module puts into them is a seal over whatever the right to come in rests on
(the account's password hash, the shared password), so that a changed password or a disabled account ends them.
"""

import asyncio
import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.requests import HTTPConnection, cookie_parser

from htmlgen.errors import SettingsError, TooManyRequests, Unauthorized
from htmlgen.origin import Hosts, host_name, is_loopback
from htmlgen.ratelimit import RateLimit
from htmlgen.settings import Settings

if TYPE_CHECKING:
    from htmlgen.accounts import Accounts
    from htmlgen.keys import ApiKeys

log = logging.getLogger(__name__)

KEY_PREFIX = "hg-"
"""What API keys begin with. Without a log-in anything else is ignored: many clients must send some key, and send any."""

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1_000
"""Characters. Argon2 would read any length, and take its time."""

NAME_TRIES = (4.0, 20)
"""Log-ins a minute, and at once, for one account from wherever they come; each address has a stricter limit of its own."""

GUEST_TRIES = (30.0, 60)
"""The same for the shared password from everywhere and under all names, which cost nothing; nor do addresses, where a proxy
passes on the X-Forwarded-For that it was sent. Accounts still come in."""

FORWARDED = (
    *("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip"),
    *("x-forwarded-server", "x-original-host", "x-client-ip", "true-client-ip", "cf-connecting-ip", "cf-ray"),
    *("x-forwarded", "forwarded-for", "x-cluster-client-ip", "fly-client-ip", "x-envoy-external-address"),
)
"""What proxies and tunnels add. One of them, and the request comes from somewhere else."""


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. `name` is what chats, pages and votes are kept under; `key` the id of the API key, if it was one."""

    name: str
    local: bool = False
    key: str | None = None


LOCAL = User("local", local=True)
"""The one user of a server without log-in. An account of that name takes over what was made before there was one."""


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie of somebody who has just logged in says."""

    name: str
    shown: str
    claims: dict[str, str]


_visitor: ContextVar[User | None] = ContextVar("visitor", default=None)


def visitor() -> User | None:
    """Who asks, from anywhere inside a request or what a socket's message set off; None is a stranger."""
    return _visitor.get()


def set_visitor(user: User | None) -> None:
    """For the gate."""
    _visitor.set(user)


async def current_user(request: HTTPConnection) -> User:
    """Who asks, as the gate in front of the app has found out; a FastAPI dependency.

    Raises:
        Unauthorized: a stranger, or there is no gate.
    """
    user = request.scope.get("state", {}).get("user")
    if not isinstance(user, User):
        raise Unauthorized(
            "Log in, or send a key: `Authorization: Bearer hg-…`, made by `python -m htmlgen apikey add`."
        )
    return user


def owns(who: User | HTTPConnection, owner: str) -> bool:
    """Whether something of `owner`'s may be shown to or changed by `who`. Answer "no such …" where not."""
    if isinstance(who, HTTPConnection):
        who = who.scope.get("state", {}).get("user")
    return isinstance(who, User) and who.name == owner


def check_password(what: str, password: str) -> None:
    """Raises:
    SettingsError: `password` is too short to hold, or longer than is read.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise SettingsError(
            f"{what} has {len(password)} characters; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} are needed."
        )


def load_secret(data: Path) -> str:
    """The secret that cookies are signed with: CHAINLIT_AUTH_SECRET, or one made once and kept in `data`, for its owner only.

    Raises:
        SettingsError: the file can be neither read nor made.
    """
    if given := os.environ.get("CHAINLIT_AUTH_SECRET"):
        return given
    path = data / "auth_secret"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = data / f".auth_secret.{secrets.token_hex(4)}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(made, path)  # whole or not at all, and the first of two servers that start together wins
        except FileExistsError:
            os.chmod(path, 0o600)
        finally:
            made.unlink()
        secret = path.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"The secret that signs log-ins cannot be kept in {path}: {error.strerror}. Make the folder writable, name another "
            "in HTMLGEN_DATA, or set CHAINLIT_AUTH_SECRET to 32 random characters or more."
        ) from error
    if len(secret) < 32:
        raise SettingsError(f"{path} is damaged: it holds {len(secret)} characters. Delete it; everybody logs in anew.")
    return secret


COOKIE_NAME = os.environ.get("CHAINLIT_AUTH_COOKIE_NAME", "access_token")


def _session_cookie(headers: Mapping[str, str]) -> str | None:
    return cookie_parser(headers.get("cookie", "")).get(COOKIE_NAME)


class Auth:
    """Knows everybody who may come in. Belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        host: str = "127.0.0.1",
        accounts: "Accounts | None" = None,
        keys: "ApiKeys | None" = None,
        has_accounts: bool = False,
        oauth: bool = False,
        shared: bool = False,
        secret: str = "",
    ) -> None:
        """`host` is the address the server listens on, `shared` that a tunnel leads to it, `oauth` that Chainlit knows a provider.

        Raises:
            SettingsError: others could reach the server and nobody could log in, or a setting is no good.
        """
        self.settings, self.accounts, self.keys = settings, accounts, keys
        self.secret = secret or secrets.token_urlsafe(48)
        self.hosts = Hosts(host, settings.hosts)
        self.password = settings.password.get_secret_value() if settings.password else None
        if self.password is not None:
            check_password("HTMLGEN_PASSWORD", self.password)
        self.oauth_users = _split(settings.oauth_users) if oauth else frozenset()
        if oauth and not self.oauth_users:
            raise SettingsError(
                "OAuth is set up, and nobody is named who may come in by it. Set HTMLGEN_OAUTH_USERS, for example to "
                "`ann@example.com, @example.org`; `*` admits whoever the provider knows."
            )
        self.has_accounts = has_accounts
        self.takes_passwords = self.password is not None or has_accounts
        reachable = not is_loopback(host) or shared or bool(settings.hosts)
        can_log_in = self.takes_passwords or oauth
        if reachable and not can_log_in:
            where = "through a tunnel" if shared else f"at {settings.hosts if is_loopback(host) else host}"
            raise SettingsError(
                f"Others would reach this server {where}, and it has no log-in. Set HTMLGEN_PASSWORD, make an account with "
                "`python -m htmlgen adduser NAME`, or set up OAuth (README, Who may come in). To keep it to this machine, "
                "start it with --host 127.0.0.1 and without HTMLGEN_HOSTS."
            )
        self.login_required = reachable or can_log_in
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        """Checked for names that have no account, so that they take as long as the others."""
        self._hashing = asyncio.Semaphore(2)  # each check takes 64 MiB
        self._names, self._guests = RateLimit(*NAME_TRIES), RateLimit(*GUEST_TRIES)

    def allow_host(self, host: str) -> None:
        """Lets the server be reached by one more name: that of a tunnel, known once it is open."""
        self.hosts.add(host)

    # Who asks

    async def identify(self, headers: Mapping[str, str], client_host: str | None) -> User | None:
        """Who sent a request with these headers (lower-case names, as Starlette's are) from that address; None is a stranger.

        Raises:
            Unauthorized: there is a key, and it is not known.
            StorageFailed: the accounts cannot be read.
        """
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (self.login_required or credentials.strip().startswith(KEY_PREFIX)):
            return await self._by_key(credentials.strip())
        if not self.login_required:
            return LOCAL if self._is_local(headers, client_host) else None
        cookie = _session_cookie(headers)
        return await self._by_cookie(cookie) if cookie else None

    async def visible_cookies(self, headers: Mapping[str, str], user: User) -> str:
        """The cookie header without any session but this user's own.

        Chainlit looks at cookies by itself, whatever a key or the address said, and knows less of what ends a session.
        """
        kept, session = [], _session_cookie(headers)
        for part in headers.get("cookie", "").split(";"):
            name = part.partition("=")[0].strip()
            # Chainlit writes a long one in pieces.
            if part.strip() and name != COOKIE_NAME and not name.startswith(f"{COOKIE_NAME}_"):
                kept.append(part.strip())
        if session and user.key is None:
            # The local user comes in without one, so that nobody has looked yet whose it is.
            whose = user if self.login_required else await self._by_cookie(session)
            if whose is not None and whose.name == user.name:
                kept.append(f"{COOKIE_NAME}={session}")
        return "; ".join(kept)

    def _is_local(self, headers: Mapping[str, str], client_host: str | None) -> bool:
        return (
            client_host is not None
            and is_loopback(client_host)
            and not any(name in headers for name in FORWARDED)
            and is_loopback(host_name(headers.get("host", "")))
        )

    async def _by_key(self, key: str) -> User:
        found = await self.keys.find(key) if self.keys is not None else None
        if found is not None and self.accounts is not None:
            account = await self.accounts.get(found.account)
            if account is not None and account.disabled:
                found = None
        if found is None:
            raise Unauthorized(
                "This API key is not known, or was revoked. `python -m htmlgen apikey list` shows those that work."
            )
        return User(found.account, key=found.id)

    async def _by_cookie(self, token: str) -> User | None:
        try:
            claims = jwt.decode(token, self.secret, algorithms=["HS256"], options={"require": ["exp", "iat"]})
        except jwt.InvalidTokenError:
            return None
        name, said = claims.get("identifier"), claims.get("metadata")
        if not isinstance(name, str) or not isinstance(said, dict):
            return None
        expected = await self._seal(str(said.get("kind")), name)
        if expected is None or not hmac.compare_digest(expected.encode(), _bytes(str(said.get("seal")))):
            return None
        return User(name)

    async def _seal(self, kind: str, name: str) -> str | None:
        """What the cookie of `name` must carry now; None if `name` may not come in this way, or no longer."""
        if kind == "account":
            account = None if self.accounts is None else await self.accounts.get(name)
            rests_on = None if account is None or account.disabled else account.password_hash
        elif kind == "guest":
            rests_on = self.password
        elif kind == "oauth":
            rests_on = "" if self.admits(name.partition(":")[2]) else None
        else:
            rests_on = "" if kind == "local" and not self.login_required else None
        if rests_on is None:
            return None
        message = _bytes("\0".join((kind, name, rests_on)))
        return hmac.new(self.secret.encode(), message, hashlib.sha256).hexdigest()

    async def _session(self, kind: str, name: str, shown: str) -> Session | None:
        seal = await self._seal(kind, name)
        return None if seal is None else Session(name, shown, {"kind": kind, "seal": seal})

    # Coming in

    async def local_session(self) -> Session | None:
        """The cookie of the local user, for a request that the gate has found to be his; Chainlit wants one from everybody."""
        return await self._session("local", LOCAL.name, "You") if visitor() == LOCAL else None

    async def log_in(self, name: str, password: str) -> Session | None:
        """The session of whoever has this name and password; None if they are wrong. Takes equally long for every name.

        Raises:
            TooManyRequests: for this name, or for the shared password.
            StorageFailed: the accounts cannot be read.
        """
        name = name.strip().lower()[:100]
        if wait := self._names.take(name):
            raise TooManyRequests("There have been too many log-ins for this name.", wait)
        if len(password) > LONGEST_PASSWORD:
            return None
        account = await self.accounts.get(name) if self.accounts is not None else None
        usable = account is not None and not account.disabled
        async with self._hashing:
            right = await asyncio.to_thread(self._verify, account.password_hash if account else self._nobody, password)
        if usable and right:
            return await self._session("account", name, name)
        if self.password is None:
            return None
        if wait := self._guests.take(""):
            raise TooManyRequests("There have been too many log-ins with the shared password.", wait)
        if hmac.compare_digest(_bytes(password), _bytes(self.password)):
            # Everybody knows this password, so a name proves nothing: each log-in gets a space that no other can claim.
            shown = re.sub(r"[^\w .@-]", "", name) or "guest"
            return await self._session("guest", f"{shown}~{secrets.token_hex(8)}", shown)
        return None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    def admits(self, identity: str) -> bool:
        """Whether HTMLGEN_OAUTH_USERS names this identity (an e-mail address, or a provider's user name)."""
        identity = identity.lower()
        domain = f"@{identity.rpartition('@')[2]}" if "@" in identity else None
        return bool(identity) and bool({"*", identity, domain} & self.oauth_users)

    async def oauth_session(self, provider: str, identity: str) -> Session | None:
        """The session of whom an OAuth provider vouches for; None if HTMLGEN_OAUTH_USERS does not name him.

        The provider is part of the name: "ann" of one provider is neither another's "ann" nor the account "ann".
        """
        return await self._session("oauth", f"{provider}:{identity}", identity)


def _split(names: str | None) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in (names or "").split(",") if name.strip())


def _bytes(text: str) -> bytes:
    """UTF-8, in which half a character is no error: nobody has typed it, and it is right for nothing."""
    return text.encode("utf-8", "surrogatepass")
