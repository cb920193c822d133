"""The pane beside the chat, and what the chat says outside of answers."""

from typing import Any

import chainlit as cl

NEW_PAGE = "New page"
COMPARE = "Compare"
"""The composer's commands, which people read too: the next message begins an empty page, or is answered twice."""


class Pane:
    """The preview beside the chat: one element for the chat's life, so that showing another page does not stack panes."""

    def __init__(self) -> None:
        self._element: cl.CustomElement | None = None

    async def show(self, props: dict[str, Any]) -> None:
        """Shows a page, and opens the pane where it was closed."""
        await self.widen()
        element = self.element(props)
        await element.send(for_id="", persist=False)
        await cl.ElementSidebar.set_title(f"Preview: {props['title']}")

    async def widen(self) -> None:
        """Gives the pane half of the window. "canvas" is Chainlit's word for that; it looks at it once, at the opening."""
        if self._element is None:
            await cl.ElementSidebar.set_title("canvas")

    def element(self, props: dict[str, Any]) -> cl.CustomElement:
        if self._element is None:
            self._element = cl.CustomElement(
                name="PagePreview", display="side", url=f"/pages/{props['page']}/live", props=props
            )
        self._element.props = props
        return self._element


async def complain(message: str) -> None:
    await cl.ErrorMessage(content=message).send()


async def offer_commands(has_page: bool) -> None:
    """The composer's buttons; "New page" only once there is one that a message would change."""
    new_page = {"id": NEW_PAGE, "description": "Begin an empty page", "icon": "file-plus"}
    compare = {"id": COMPARE, "description": "Two answers to one prompt, side by side", "icon": "columns-2"}
    await cl.context.emitter.set_commands(
        [{**command, "button": True, "persistent": False} for command in ([new_page] if has_page else []) + [compare]]
    )
