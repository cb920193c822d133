"""Link: the public link to the studio, where HTMLGEN_SHARE asks for one, and its place in the chat's header.

settings, made = lock_if_shared(load_settings())    # before the log-in is set up
sharing = open_link(settings, auth, made)           # before the model loads: what ngrok refuses is told at once
"""

import chainlit.server
from chainlit.config import HeaderLink, config

from chat.login import has_door
from htmlgen.auth import Auth
from htmlgen.errors import HtmlgenError
from htmlgen.settings import Settings
from htmlgen.share import Sharing, lock, make_link_page


def lock_if_shared(settings: Settings) -> tuple[Settings, str | None]:
    """The settings, with a password where a shared studio would have no log-in, and that password."""
    return lock(settings, has_door(settings)) if settings.share else (settings, None)


def open_link(settings: Settings, auth: Auth, made: str | None) -> Sharing | None:
    """Opens the link, and shows it in the header of every chat; None where it was not asked for.

    Raises:
        SystemExit: there is none; the message says why and what to do.
    """
    if not settings.share:
        return None
    try:
        sharing = Sharing.open(settings, _upstream(), made, on_host=auth.allow_host)
    except HtmlgenError as error:
        raise SystemExit(f"\n{error}\n") from None
    chainlit.server.app.router.routes[:0] = make_link_page(lambda: sharing).routes
    shown = HeaderLink(name="share", display_name="Shared", icon_url="/public/link.svg", url="/share", target="_blank")
    config.ui.header_links = [*(config.ui.header_links or []), shown]
    return sharing


def _upstream() -> str:
    """This server, as the agent on the same machine reaches it."""
    host = "127.0.0.1" if config.run.host in ("0.0.0.0", "::", "localhost", "") else config.run.host
    scheme = "https" if config.run.ssl_cert else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.run.port}"
