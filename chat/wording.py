"""Wording: what Chainlit's own interface says where its words don't fit. In English; other languages keep Chainlit's."""

from typing import Any

from chainlit.config import ChainlitConfig

WORDS: dict[tuple[str, ...], str] = {
    ("chat", "input", "placeholder"): "Say what page you want…",
    ("chat", "input", "actions", "stop"): "Stop writing",
    ("chat", "input", "actions", "attachFiles"): "Bring an .html file along",
    ("auth", "login", "title"): "Log in to HTMLGen Studio",
    ("auth", "login", "form", "email", "label"): "Name",
    ("auth", "login", "form", "email", "placeholder"): "ann",
    ("auth", "login", "form", "email", "required"): "Type a name.",
    ("auth", "login", "form", "password", "required"): "Type the password.",
    ("auth", "login", "form", "actions", "signin"): "Log in",
    ("auth", "login", "errors", "default"): "You are not logged in.",
    ("chat", "settings", "title"): "Settings",
    ("threadHistory", "sidebar", "empty"): "No chats found",
    ("threadHistory", "thread", "actions", "rename", "title"): "Rename the chat",
    ("threadHistory", "thread", "actions", "rename", "description"): "Type its new name.",
    ("threadHistory", "thread", "actions", "rename", "success"): "The chat is renamed.",
    ("threadHistory", "thread", "actions", "rename", "inProgress"): "Renaming the chat",
    ("threadHistory", "thread", "actions", "delete", "description"): (
        "This deletes the chat with its pages, all of their versions and your votes on them, for good."
    ),
}


def reword() -> None:
    """Puts our words in, whenever Chainlit reads its own."""
    load = ChainlitConfig.load_translation

    def reworded(config: ChainlitConfig, language: str) -> Any:
        words = load(config, language)
        if language.split("-")[0] == "en":
            for path, text in WORDS.items():
                *parents, last = path
                place = words
                for name in parents:
                    place = place[name]
                assert last in place, f"Chainlit no longer says anything at {path}"
                place[last] = text
        return words

    ChainlitConfig.load_translation = reworded
