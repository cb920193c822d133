"""One chat: what a browser tab has going on."""

from typing import TYPE_CHECKING

from chat.pane import Pane
from htmlgen.studio import Studio

if TYPE_CHECKING:
    from chat.answer import Answer


class Chat:
    """What one browser tab has going on."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.page_id: str | None = None
        """The page that the next message changes: the one in the pane."""
        self.version = 0
        """How often that page has been written: 1 is the first, 2 the first change."""
        self.pane = Pane()
        self.cut: Answer | None = None
        """The answer that can be continued."""
