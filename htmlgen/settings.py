"""Settings: HTMLGEN_* variables, read once at the edge and passed in from there."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from htmlgen.engine import Sampling
from htmlgen.errors import SettingsError

Quantization = Literal["4bit", "8bit", "none"]


class Settings(BaseSettings):
    """Every setting, its default and what it costs. The README's table is tested against this class."""

    model_config = SettingsConfigDict(env_prefix="HTMLGEN_", env_file=".env", extra="ignore", frozen=True)

    model: str | None = Field(
        None,
        description="Preset, local folder or hub id; with `openai` the server's name for it. Unset: `codellama` on a CUDA GPU with 8 GiB free, else `demo`; with `openai` the first that the server lists.",
    )
    adapter: str | None = Field(
        None, description="Local folder or hub id of a LoRA adapter, or `none`. Unset: the preset's own."
    )
    adapters: str = Field(
        "runs",
        description="Folder of training runs: every finished adapter in it can be chosen in the chat and the API.",
    )
    revision: str | None = Field(
        None,
        description="Commit or tag of the hub model in `HTMLGEN_MODEL`, or pairs `owner/name@commit, …`. Unset: the newest.",
    )
    quantization: Quantization = Field(
        "4bit",
        description="`4bit` (NF4, least memory), `8bit` or `none` (bf16, 4x the memory; fp32 on a CPU without bf16, 8x).",
    )
    prompt_format: str | None = Field(
        None,
        description="`codellama-instruct`, `alpaca` or `plain`; with `openai` also `chat`, the server's own chat template. Unset: the one saved with the adapter, model or tokenizer, else `alpaca`.",
    )
    engine: Literal["local", "openai"] = Field(
        "local",
        description="`local` runs the model in this process; `openai` has an OpenAI-compatible server do it (vLLM, llama.cpp, Ollama, TGI; docs/scale.md).",
    )
    server: str | None = Field(None, description="With `openai`: the server's URL, such as `http://gpu-1:8000/v1`.")
    server_key: SecretStr | None = Field(None, description="With `openai`: the server's API key, if it wants one.")
    server_tokenizer: str | None = Field(
        None,
        description="With `openai`: folder or hub id of the model's tokenizer. Prompts then go as token ids, the very ones of training, where the server takes ids. Unset: as text.",
    )
    server_context: int | None = Field(
        None,
        ge=1,
        description="With `openai`: tokens of the model's context, where neither the server nor the tokenizer tells.",
    )
    server_places: int = Field(
        8, ge=1, description="With `openai`: pages that the server may write at once; more stand in line here."
    )
    server_timeout: float = Field(
        300, gt=0, description="With `openai`: seconds to wait for the first token, the server's own queue included."
    )
    queue_size: int = Field(
        8, ge=0, description="Requests that may wait for the model; one more is told that it is busy."
    )
    max_new_tokens: int = Field(
        Sampling().max_new_tokens, ge=1, description="Tokens a page may have unless the request says otherwise."
    )
    max_page_bytes: int = Field(
        2_000_000, ge=1_000, description="Bytes after which a page is cut, so that a loop cannot fill the memory."
    )
    max_pages: int = Field(500, ge=1, description="Pages kept in memory; the one unused the longest goes first.")
    max_prompt_chars: int = Field(
        200_000, ge=1, description="Characters of a prompt or a current page; more is refused unread."
    )
    data: str = Field(
        "data",
        description="Folder of what is kept: the database, log-in secret and uploads. Whoever can read it reads every chat.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="`postgresql://user:password@host/name`, or `sqlite:///path`. Unset: SQLite in `HTMLGEN_DATA`.",
    )
    password: SecretStr | None = Field(
        None,
        description="One password for everybody who may come in; each log-in by it has chats of its own. Unset: accounts, OAuth, or only this machine.",
    )
    hosts: str | None = Field(
        None,
        description="Names the server is reached by, with commas (`studio.example.com, *.example.org`). This machine's own and the bound address always work.",
    )
    rate_limit: int = Field(
        60,
        ge=1,
        description="API requests a minute for each key and each address; a third of it at once. Requests from this machine are not counted while no log-in is required.",
    )
    oauth_users: str | None = Field(
        None,
        description="Who may come in by OAuth, with commas: `ann@example.com`, `@example.com`, or `*` for whoever the provider knows.",
    )
    share: bool = Field(
        False,
        description="Opens an ngrok tunnel at start and prints its link; needs `NGROK_AUTHTOKEN`. Like `make share`.",
    )
    share_domain: str | None = Field(
        None, description="The domain of the link, reserved for your ngrok account. Unset: the one ngrok gives."
    )
    share_oauth: str | None = Field(
        None,
        description="A log-in at ngrok before ours: `google`, `github`, `gitlab`, `linkedin`, `microsoft` or `twitch`.",
    )
    share_emails: str | None = Field(
        None, description="With `HTMLGEN_SHARE_OAUTH`, who passes: `ann@example.com, @example.com`. Unset: any account."
    )
    share_ips: str | None = Field(
        None,
        description="Addresses that may use the link, with commas: `203.0.113.0/24`, or ngrok's IP policies (`ipp_…`).",
    )
    share_policy: str | None = Field(
        None, description="A file with an ngrok traffic policy, YAML or JSON; its rules run after the ones above."
    )

    @property
    def database(self) -> str:
        """The URL for `Store.open`; it may hold a password."""
        url = self.database_url
        return f"sqlite:///{self.data}/htmlgen.db" if url is None else url.get_secret_value()


def load_settings() -> Settings:
    """Reads the environment and `.env`.

    Raises:
        SettingsError: a variable has a value it cannot have; the message names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"HTMLGEN_{'_'.join(map(str, e['loc'])).upper()}={e['input']!r}: {e['msg']}" for e in error.errors()]
        raise SettingsError("A setting cannot be used. " + "; ".join(lines)) from error


def make_sampling(settings: Settings, **chosen: Any) -> Sampling:
    """Sampling with the server's default length; None and absent mean the default.

    Raises:
        RequestError: a value is outside its range.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    return Sampling(**{"max_new_tokens": settings.max_new_tokens, **given})


PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds app.py and models/: presets name models relative to it."""
