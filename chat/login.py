"""Login: Chainlit's log-in, decided by htmlgen/auth.py, and the gate in front of the whole app.

auth = lock(settings)       # while app.py is imported: Chainlit looks at the callbacks before it starts
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import chainlit as cl
import chainlit.server
from chainlit.config import config
from chainlit.oauth_providers import get_configured_oauth_providers
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.exceptions import HTTPException

from chat.wording import WORDS
from htmlgen.accounts import Accounts
from htmlgen.auth import Auth, Session, load_secret
from htmlgen.database import migrated
from htmlgen.errors import HtmlgenError, TooManyRequests
from htmlgen.gate import admit
from htmlgen.keys import ApiKeys
from htmlgen.origin import protect
from htmlgen.settings import Settings

log = logging.getLogger("htmlgen.chat")


def lock(settings: Settings, engine: Callable[[], AsyncEngine]) -> Auth:
    """Puts the gate in front of Chainlit's app and gives it the log-in that the settings call for. `engine` is the database's,
    asked for when the first request comes.

    Raises:
        SystemExit: others could reach the server and nobody could log in; the message says what to set.
    """
    try:
        os.environ["CHAINLIT_AUTH_SECRET"] = secret = load_secret(Path(settings.data))
        auth = Auth(
            settings,
            host=config.run.host,
            accounts=Accounts(engine),
            keys=ApiKeys(engine),
            has_accounts=asyncio.run(_has_accounts(settings)),
            oauth=bool(get_configured_oauth_providers()),
            shared=settings.share,
            secret=secret,
        )
    except HtmlgenError as error:
        raise SystemExit(f"\n{error}\n") from None
    _offer(auth)
    # The last one added is the first that a request meets: names and origins before who asks.
    admit(chainlit.server.app, auth, socket_owner=_owner_of_socket, root_path=config.run.root_path)
    protect(chainlit.server.app, auth.hosts)
    return auth


def has_door(settings: Settings) -> bool:
    """Whether somebody could log in without a shared password: by an account or by OAuth."""
    return asyncio.run(_has_accounts(settings)) or bool(get_configured_oauth_providers())


async def _has_accounts(settings: Settings) -> bool:
    async with migrated(settings.database) as engine:
        return await Accounts(lambda: engine).any()


def _offer(auth: Auth) -> None:
    """Registers the ways to log in; Chainlit's page shows those that there are."""
    if not auth.login_required:

        @cl.header_auth_callback
        async def local(headers: Mapping[str, str]) -> cl.User | None:
            # The gate has seen where the request comes from, which headers alone would not tell.
            return _user(await auth.local_session())

    if auth.takes_passwords:

        async def password(username: str, password: str) -> cl.User | None:
            try:
                session = await auth.log_in(username, password)
            except TooManyRequests as error:
                raise HTTPException(429, str(error), {"Retry-After": str(error.retry_after)}) from error
            if session is None:
                raise HTTPException(401, "The name or the password is wrong.")  # Chainlit would say "credentialssignin"
            return _user(session)

        # By hand: Chainlit's decorator swallows exceptions, and with them why a log-in failed.
        config.code.password_auth_callback = password
        if not auth.has_accounts:
            WORDS["auth", "login", "form", "email", "label"] = "Name, whichever you like"

    if auth.oauth_users:

        @cl.oauth_callback
        async def oauth(
            provider_id: str, token: str, raw_user_data: dict[str, Any], default_app_user: cl.User
        ) -> cl.User | None:
            # Some providers let anybody claim any address, and say so here.
            if False in (raw_user_data.get("email_verified"), raw_user_data.get("verified_email")):
                return None
            return _user(await auth.oauth_session(provider_id, default_app_user.identifier or ""))


def _user(session: Session | None) -> cl.User | None:
    return None if session is None else cl.User(session.name, session.shown, dict(session.claims))


def _owner_of_socket(session: str) -> str | None:
    """Whose connection an Engine.IO session is; the gate noted it in the scope of its first request."""
    environ: dict[str, Any] | None = chainlit.server.sio.environ.get(session)
    user = environ["asgi.scope"].get("state", {}).get("user") if environ else None
    return None if user is None else user.name
