"""The pane beside the chat, and what the chat says outside of answers."""

from typing import Any

import chainlit as cl

NEW_PAGE = "New page"
"""The composer's command: the next message begins an empty page."""


class Pane:
    """The preview beside the chat: one element for the chat's life, so that showing another page does not stack panes."""

    def __init__(self) -> None:
        self._element: cl.CustomElement | None = None

    async def show(self, **props: Any) -> None:
        """Shows a page, and opens the pane where it was closed."""
        if self._element is None:
            # "canvas" is Chainlit's word for a pane that gets half of the window; it looks at it once.
            await cl.ElementSidebar.set_title("canvas")
            self._element = cl.CustomElement(
                name="PagePreview", display="side", url=f"/pages/{props['page']}/live", props=props
            )
        self._element.props = props
        await self._element.send(for_id="")
        await cl.ElementSidebar.set_title(f"Preview: {props['title']}")


async def complain(message: str) -> None:
    await cl.ErrorMessage(content=message).send()


async def offer_new_page() -> None:
    """A button in the composer: the next message begins an empty page instead of changing this one."""
    await cl.context.emitter.set_commands(
        [
            {
                "id": NEW_PAGE,
                "description": "Begin an empty page",
                "icon": "file-plus",
                "button": True,
                "persistent": False,
            }
        ]
    )
