"""Which engine the settings name."""

from __future__ import annotations

from htmlgen.engine import Engine
from htmlgen.errors import SettingsError
from htmlgen.settings import Settings


def make_engine(settings: Settings, *, patience: float = float("inf")) -> Engine:
    """The engine of HTMLGEN_ENGINE, not loaded yet. `patience`: seconds that a server may take to come up.

    Raises:
        SettingsError: settings that do not go together, or a value that does not exist.
    """
    if settings.engine == "openai":
        return _remote(settings, patience)
    if settings.server is not None:
        raise SettingsError("HTMLGEN_SERVER is set, but HTMLGEN_ENGINE is not. Set HTMLGEN_ENGINE=openai to use it.")
    from htmlgen.local import LocalEngine, choose_preset

    return LocalEngine(
        choose_preset(settings),
        adapter=settings.adapter,
        quantization=settings.quantization,
        prompt_format=settings.prompt_format,
        adapters=settings.adapters,
        revision=settings.revision,
    )


def _remote(settings: Settings, patience: float) -> Engine:
    from htmlgen.remote import RemoteEngine

    if settings.server is None:
        raise SettingsError(
            "HTMLGEN_ENGINE=openai needs a server. Set HTMLGEN_SERVER to its URL, such as http://127.0.0.1:8000/v1."
        )
    if settings.adapter not in (None, "none"):
        raise SettingsError(
            f"HTMLGEN_ADAPTER={settings.adapter} cannot be put on a server's model from here. Start the server with it, and set "
            "HTMLGEN_MODEL to the name that the server gives it."
        )
    return RemoteEngine(
        settings.server,
        key=None if settings.server_key is None else settings.server_key.get_secret_value(),
        model=settings.model,
        prompt_format=settings.prompt_format,
        tokenizer=settings.server_tokenizer,
        context=settings.server_context,
        places=settings.server_places,
        first_token_seconds=settings.server_timeout,
        patience=patience,
    )
