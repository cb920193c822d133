"""Sharing: `make share`, or HTMLGEN_SHARE=1, puts the studio behind a public link.

    settings, made = lock(settings, has_door=False)     # a password, if nothing else keeps strangers out
    sharing = Sharing.open(settings, "http://127.0.0.1:8000", made, on_host=auth.allow_host)
    sharing.announce()                                  # the link and its QR code, in the terminal
    sharing.close()

What is decided here is who may use the link: whoever has the password, and before that, if wanted, only who logs in at
ngrok or comes from certain addresses. How the link comes to be is htmlgen/tunnel.py.
"""

import io
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import segno
import yaml  # type: ignore[import-untyped]
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from htmlgen.errors import SettingsError, SharingFailed
from htmlgen.plain_page import plain_page
from htmlgen.settings import Settings
from htmlgen.tunnel import DASHBOARD, State, Tunnel

OAUTH_PROVIDERS = ("google", "github", "gitlab", "linkedin", "microsoft", "twitch")
"""Those whose log-in works without an application of one's own at the provider.
https://ngrok.com/docs/traffic-policy/actions/oauth/"""

POLICY_PHASES = ("on_http_request", "on_http_response", "on_tcp_connect")

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without 0 o 1 l i: the password is read from a screen and typed on a phone."""


def lock(settings: Settings, has_door: bool) -> tuple[Settings, str | None]:
    """Settings under which no stranger comes in, and the password that was made for it, if one was.

    `has_door` says that people log in already, by accounts or OAuth.
    """
    if settings.password is not None or has_door:
        return settings, None
    made = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))  # 79 bits
    return settings.model_copy(update={"password": SecretStr(made)}), made


class Sharing:
    """The open link, and what is said about it. `url` and `state` are those of the tunnel, now."""

    def __init__(self, here: str, made: str | None, on_host: Callable[[str], None]) -> None:
        self._here, self._made, self._on_host = here, made, on_host
        self._say: Callable[[str], None] = lambda text: print(text, flush=True)
        self.tunnel: Tunnel
        self._announced = ""

    @classmethod
    def open(
        cls,
        settings: Settings,
        upstream: str,
        made: str | None,
        on_host: Callable[[str], None],
        say: Callable[[str], None] | None = None,
    ) -> "Sharing":
        """Opens the link to `upstream`, this server as it is reached from this machine; takes seconds.

        `on_host` gets the host in the link, so that the server answers to it, now and when it changes.

        Raises:
            SharingFailed: no token, no agent, no network, or ngrok refused.
            SettingsError: one of the HTMLGEN_SHARE_* settings cannot be used.
        """
        sharing = cls(upstream.replace("//127.0.0.1", "//localhost"), made, on_host)
        if say is not None:
            sharing._say = say
        sharing.tunnel = Tunnel.open(
            upstream, find_token(), endpoint(settings), say=sharing._say, on_change=sharing._changed
        )
        on_host(sharing.tunnel.host)
        return sharing

    @property
    def url(self) -> str:
        return self.tunnel.url

    @property
    def state(self) -> State:
        return self.tunnel.state

    def announce(self) -> None:
        """Prints the link, the password that was made for this run, and the QR code."""
        self._announced = self.url
        self._say(banner(self.url, self._here, self._made, colour=sys.stdout.isatty()))

    def close(self) -> None:
        """Ends the link; its agent is gone when this returns."""
        self.tunnel.close()

    def _changed(self, tunnel: Tunnel) -> None:
        if tunnel.state == "online" and tunnel.url != self._announced:
            self._on_host(tunnel.host)
            if self._announced:
                self.announce()


def find_token(environment: Mapping[str, str] = os.environ) -> str:
    """The ngrok account's token: NGROK_AUTHTOKEN, else the one that `ngrok config add-authtoken` saved.

    Raises:
        SharingFailed: there is neither.
    """
    from pyngrok.conf import DEFAULT_NGROK_CONFIG_PATH

    if token := environment.get("NGROK_AUTHTOKEN", "").strip():
        return token
    try:
        saved = yaml.safe_load(Path(DEFAULT_NGROK_CONFIG_PATH).read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        saved = None
    if isinstance(saved, dict):
        agent = saved.get("agent")
        found = (agent.get("authtoken") if isinstance(agent, dict) else None) or saved.get("authtoken")
        if found:
            return str(found)
    raise SharingFailed(
        f"Sharing needs a free ngrok account: get its token from {DASHBOARD}/get-started/your-authtoken and set "
        "NGROK_AUTHTOKEN to it, in the environment or in .env."
    )


def endpoint(settings: Settings) -> dict[str, Any]:
    """The endpoint that ngrok opens: its address and who may pass, before a request reaches this machine.

    Raises:
        SettingsError: one of the HTMLGEN_SHARE_* settings cannot be used.
    """
    options: dict[str, Any] = {"url": "https://"}
    if settings.share_domain:
        domain = settings.share_domain.strip().removeprefix("https://").rstrip("/").lower()
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            raise SettingsError(
                f"HTMLGEN_SHARE_DOMAIN={settings.share_domain!r} is no domain. Give a name such as studio.ngrok.app."
            )
        options["url"] = f"https://{domain}"
    policy = _read_policy(settings.share_policy) if settings.share_policy else {}
    rules = [*_address_rules(settings.share_ips), *_oauth_rules(settings.share_oauth, settings.share_emails)]
    if rules:
        policy["on_http_request"] = rules + policy.get("on_http_request", [])
    if policy:
        options["traffic_policy"] = policy
    return options


def _address_rules(ips: str | None) -> list[dict[str, Any]]:
    """https://ngrok.com/docs/traffic-policy/actions/restrict-ips/"""
    allow, policies = [], []
    for item in _items(ips):
        if item.startswith("ipp_"):
            policies.append(item)
            continue
        try:
            allow.append(str(ipaddress.ip_network(item, strict=False)))
        except ValueError as error:
            raise SettingsError(
                f"HTMLGEN_SHARE_IPS={ips!r}: {item!r} is neither an address (203.0.113.7), a network (203.0.113.0/24) nor "
                "the id of an ngrok IP policy (ipp_…)."
            ) from error
    if not allow and not policies:
        return []
    config = {"enforce": True} | ({"allow": allow} if allow else {}) | ({"ip_policies": policies} if policies else {})
    return [{"actions": [{"type": "restrict-ips", "config": config}]}]


def _oauth_rules(provider: str | None, emails: str | None) -> list[dict[str, Any]]:
    """https://ngrok.com/docs/traffic-policy/actions/oauth/"""
    if provider is None:
        if emails:
            raise SettingsError(
                "HTMLGEN_SHARE_EMAILS needs HTMLGEN_SHARE_OAUTH: nobody's address is known without a log-in."
            )
        return []
    if provider not in OAUTH_PROVIDERS:
        raise SettingsError(f"HTMLGEN_SHARE_OAUTH={provider!r} is not one of {', '.join(OAUTH_PROVIDERS)}.")
    rules: list[dict[str, Any]] = [{"actions": [{"type": "oauth", "config": {"provider": provider}}]}]
    tests = []
    for item in _items(emails):
        # What is let through here stands in an expression between quotes.
        if not re.fullmatch(r"[A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+", item):
            raise SettingsError(
                f"HTMLGEN_SHARE_EMAILS={emails!r}: {item!r} is neither ann@example.com nor @example.com."
            )
        test = f".endsWith('{item}')" if item.startswith("@") else f" == '{item}'"
        tests.append(f"actions.ngrok.oauth.identity.email{test}")
    if tests:
        rules.append({"expressions": [f"!({' || '.join(tests)})"], "actions": [{"type": "deny"}]})
    return rules


def _read_policy(path: str) -> dict[str, Any]:
    try:
        policy = yaml.safe_load(Path(path).read_text("utf-8"))  # JSON is YAML
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"HTMLGEN_SHARE_POLICY={path!r} cannot be read: {error}") from error
    if not isinstance(policy, dict) or not set(policy) <= set(POLICY_PHASES):
        raise SettingsError(
            f"HTMLGEN_SHARE_POLICY={path!r} is no traffic policy: it should have rules under {', '.join(POLICY_PHASES)}."
        )
    return policy


def _items(text: str | None) -> list[str]:
    return [item.strip() for item in (text or "").split(",") if item.strip()]


def banner(url: str, here: str, made: str | None, *, colour: bool = False) -> str:
    """What the terminal shows: the link, how to come in, and the link as a QR code.

    `made` is the password that was made for this run. With `colour` the code is black on white whatever the terminal's
    own colours are; a scanner may refuse white on black.
    """
    lines = ["", f"  Shared at    {url}"]
    if made is not None:
        lines.append(f"  Password     {made}   (made for this run; HTMLGEN_PASSWORD sets one that stays)")
    lines += [f"  Here         {here}   (Ctrl-C ends the studio and the link)", ""]
    drawn = io.StringIO()
    segno.make(url, error="l", micro=False).terminal(drawn, border=2, compact=True)
    for row in drawn.getvalue().splitlines():
        lines.append(f"  \033[97;40m{row}\033[0m" if colour else f"  {row}")
    return "\n".join([*lines, ""])


# The page that shows the link, with a code for the phone


def make_link_page(get_sharing: Callable[[], Sharing | None]) -> Router:
    """`GET /share`: the link and its code, for who uses the studio and wants it on the phone as well."""

    async def share(request: Request) -> Response:
        sharing = get_sharing()
        if sharing is None:
            body = "<p>This studio is not shared. Start it with <code>make share</code>.</p>"
        else:
            url = escape(sharing.url)
            code = segno.make(sharing.url, error="m", micro=False).svg_inline(
                border=3, omitsize=True, title="QR code of the link"
            )
            trouble = {
                "reconnecting": "ngrok cannot be reached just now; the link works again when it can.",
                "lost": "The link has ended. The terminal that the studio runs in says why.",
                "closed": "The link has ended.",
            }.get(sharing.state)
            alert = f'<p role="alert">{trouble}</p>' if trouble else ""
            link = f'<a href="{url}" rel="noreferrer">{url}</a>'
            body = f"{alert}{code}{link}<p>Whoever opens it is asked to log in.</p>"
        return plain_page("The link to this studio", f'<div class="code"><h1>The link to this studio</h1>{body}</div>')

    return Router([Route("/share", share)])
