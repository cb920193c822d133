"""Who may use the link, and what the terminal says about it. The tunnel itself is in test_tunnel.py."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from htmlgen.errors import SettingsError, SharingFailed
from htmlgen.settings import Settings
from htmlgen.share import banner, endpoint, find_token, lock


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


class TestLock:
    def test_without_any_door_a_password_is_made(self) -> None:
        locked, made = lock(settings(), has_door=False)
        assert made is not None
        assert locked.password is not None
        assert locked.password.get_secret_value() == made
        assert re.fullmatch(r"([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}", made)
        assert lock(settings(), has_door=False)[1] != made

    def test_the_password_that_is_set_stays_and_is_not_shown(self) -> None:
        locked, made = lock(settings(password="correct horse"), has_door=False)
        assert (locked.password, made) == (SecretStr("correct horse"), None)

    def test_where_people_log_in_already_none_is_made(self) -> None:
        locked, made = lock(settings(), has_door=True)
        assert (locked.password, made) == (None, None)


class TestToken:
    def test_the_environment_has_it(self) -> None:
        assert find_token({"NGROK_AUTHTOKEN": " abc \n"}) == "abc"

    @pytest.mark.parametrize("saved", ["agent:\n  authtoken: abc\nversion: '3'\n", "authtoken: abc\nversion: '2'\n"])
    def test_else_what_ngrok_saved(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: str) -> None:
        (tmp_path / "ngrok.yml").write_text(saved)
        monkeypatch.setattr("pyngrok.conf.DEFAULT_NGROK_CONFIG_PATH", str(tmp_path / "ngrok.yml"))
        assert find_token({}) == "abc"

    @pytest.mark.parametrize("saved", [None, "", "version: '3'\nagent:\n", "{", "[1]"])
    def test_else_it_says_where_to_get_one(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved: str | None
    ) -> None:
        if saved is not None:
            (tmp_path / "ngrok.yml").write_text(saved)
        monkeypatch.setattr("pyngrok.conf.DEFAULT_NGROK_CONFIG_PATH", str(tmp_path / "ngrok.yml"))
        with pytest.raises(SharingFailed, match=r"https://dashboard.ngrok.com\S+ and set NGROK_AUTHTOKEN"):
            find_token({})


class TestEndpoint:
    def test_by_default_ngrok_gives_an_https_address_and_lets_everybody_pass(self) -> None:
        assert endpoint(settings()) == {"url": "https://"}

    @pytest.mark.parametrize("domain", ["studio.ngrok.app", "https://Studio.ngrok.app/", " studio.ngrok.app"])
    def test_a_reserved_domain(self, domain: str) -> None:
        assert endpoint(settings(share_domain=domain)) == {"url": "https://studio.ngrok.app"}

    def test_addresses_and_then_a_log_in_and_then_who_it_is_and_then_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "policy.yml"
        file.write_text("on_http_request: [{actions: [{type: rate-limit}]}]\non_http_response: []\n")
        policy = endpoint(
            settings(
                share_ips="203.0.113.7, 2001:db8::/32, 198.51.100.9/24, ipp_2abc",
                share_oauth="google",
                share_emails="ann@example.com, @acme.com",
                share_policy=str(file),
            )
        )["traffic_policy"]
        mail = "actions.ngrok.oauth.identity.email"
        assert policy == {
            "on_http_request": [
                {
                    "actions": [
                        {
                            "type": "restrict-ips",
                            "config": {
                                "enforce": True,
                                "allow": ["203.0.113.7/32", "2001:db8::/32", "198.51.100.0/24"],
                                "ip_policies": ["ipp_2abc"],
                            },
                        }
                    ]
                },
                {"actions": [{"type": "oauth", "config": {"provider": "google"}}]},
                {
                    "expressions": [f"!({mail} == 'ann@example.com' || {mail}.endsWith('@acme.com'))"],
                    "actions": [{"type": "deny"}],
                },
                {"actions": [{"type": "rate-limit"}]},
            ],
            "on_http_response": [],
        }

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"share_domain": "no domain"}, "HTMLGEN_SHARE_DOMAIN='no domain' is no domain"),
            ({"share_domain": "https://a.b/path"}, "is no domain"),
            ({"share_ips": "everybody"}, "HTMLGEN_SHARE_IPS='everybody': 'everybody' is neither an address"),
            ({"share_oauth": "myspace"}, "HTMLGEN_SHARE_OAUTH='myspace' is not one of google, github"),
            ({"share_emails": "@acme.com"}, "HTMLGEN_SHARE_EMAILS needs HTMLGEN_SHARE_OAUTH"),
            ({"share_oauth": "google", "share_emails": "x' || true || '@a.com"}, "is neither ann@example.com nor"),
            ({"share_policy": "absent.yml"}, "HTMLGEN_SHARE_POLICY='absent.yml' cannot be read: .*No such file"),
        ],
    )
    def test_what_cannot_be_used_is_told_with_its_variable(self, given: dict[str, str], expected: str) -> None:
        with pytest.raises(SettingsError, match=re.escape(expected) if "*" not in expected else expected):
            endpoint(settings(**given))

    @pytest.mark.parametrize("text", ["hello", "rules: []", "{", "- 1"])
    def test_a_file_that_is_no_policy(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "policy.yml").write_text(text)
        with pytest.raises(SettingsError, match="HTMLGEN_SHARE_POLICY="):
            endpoint(settings(share_policy=str(tmp_path / "policy.yml")))


class TestBanner:
    LINK = "https://4af1-198-51-100-7.ngrok-free.app"

    def test_it_has_the_link_and_the_made_password(self) -> None:
        text = banner(self.LINK, "http://localhost:8000", "abcd-efgh-jkmn-pqrs")
        assert f"Shared at    {self.LINK}\n" in text
        assert "Password     abcd-efgh-jkmn-pqrs   (made for this run; HTMLGEN_PASSWORD" in text

    def test_a_password_of_ones_own_is_not_mentioned(self) -> None:
        assert "Password" not in banner(self.LINK, "http://localhost:8000", None)

    @pytest.mark.parametrize("colour", [False, True])
    def test_the_code_can_be_read_and_says_the_link(self, colour: bool) -> None:
        """Drawn as the terminal draws it, two modules a character, and compared with the code of the link."""
        import segno

        rows = [line for line in banner(self.LINK, "x", None, colour=colour).splitlines() if set(line) & set("█▀▄")]
        drawn = []
        for row in rows:
            assert ("\033[97;40m" in row) == colour
            halves = re.sub(r"\033\[[0-9;]*m", "", row)[2:]
            drawn += [[c in " ▄" for c in halves], [c in " ▀" for c in halves]]
        code = segno.make(self.LINK, error="l", micro=False)
        modules = [[bool(module) for module in row] for row in code.matrix_iter(border=2)]
        assert drawn[: len(modules)] == modules
