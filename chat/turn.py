"""One turn of a chat: what a message, or a button that stands for one, sets off."""

import secrets
from dataclasses import replace
from typing import Literal

import chainlit as cl

from chat.answer import Answer
from chat.compare import Comparison
from chat.conversation import Chat
from chat.labels import shorten, size_of
from chat.pane import COMPARE, NEW_PAGE, complain
from chat.upload import read_upload, split_pasted
from htmlgen.engine import GenerationRequest
from htmlgen.errors import HtmlgenError, PageNotFound, RequestError
from htmlgen.store import CHAT_DELETED, Version

STARTED_FROM = "started_from"
"""In a message's metadata: the page that it was said about, empty for none. An edited message goes back to it."""

COMMAND = "command"
"""In a message's metadata: the composer's command, which Chainlit doesn't keep."""

ANOTHER_TEMPERATURE = 0.7
"""At least, for a page that is asked for again: at the usual 0.2 it often came out the same, and the button seemed to do nothing."""


async def take_message(chat: Chat, message: cl.Message) -> None:
    """Answers a message, or one that was sent before and has been edited: that branches from where it started."""
    await cl.context.emitter.send_window_message({"htmlgen": "chat", "id": chat.id})  # public/studio.js
    metadata = message.metadata or {}
    command = message.command or metadata.get(COMMAND, "")
    if STARTED_FROM in metadata:
        chat.page_id = metadata[STARTED_FROM] or None
    elif command == NEW_PAGE:
        chat.page_id = None  # stays so if this message is refused: the next try is for an empty page too
    try:
        if chat.id in chat.store.deleted_chats:
            raise PageNotFound(CHAT_DELETED)
        instruction = message.content if STARTED_FROM in metadata else await _take_page(chat, message)
        message.metadata = {**metadata, STARTED_FROM: chat.page_id or "", COMMAND: command}
        await message.update()
        if instruction:
            await ask(chat, instruction, compare=command == COMPARE)
    except HtmlgenError as error:
        if isinstance(error, PageNotFound):
            chat.page_id = None
        await complain(str(error))


async def _take_page(chat: Chat, message: cl.Message) -> str:
    """Makes a page that came with the message the current one; returns what else the message says."""
    instruction, page = split_pasted(message.content)
    page = read_upload([element for element in message.elements or [] if isinstance(element, cl.File)]) or page
    if page is None:
        if not message.content.strip():
            raise RequestError("The message is empty. Say what page you want.")
        return message.content
    if instruction != message.content:
        message.content = instruction or f"Pasted a page of {size_of(len(page.encode()))}"
    _fits(chat, page)
    version = await chat.store.add("upload", page, owner=chat.owner, chat=chat.id, instruction="Uploaded page")
    await place(chat, version)
    return instruction.strip()


async def ask(chat: Chat, instruction: str, compare: bool = False) -> Answer | None:
    """Asks the model for a page, or for a change to the current one; returns its answer."""
    parent = chat.page_id
    page = None if parent is None else (await chat.page(parent)).html
    request = GenerationRequest(instruction, page=page, sampling=chat.panel.sampling, model=chat.model.id)
    if compare:
        await Comparison(chat, instruction).write(request, parent)
        return None
    answer = Answer(chat, instruction)
    await answer.write(request, parent)
    return answer


async def say(chat: Chat, content: str) -> None:
    """A message of the user's that a button in the pane stands for."""
    metadata = {STARTED_FROM: chat.page_id or "", COMMAND: ""}
    await cl.Message(content, author="You", type="user_message", metadata=metadata).send()


async def place(chat: Chat, version: Version) -> None:
    """Shows a version that the model did not write, and makes it the current page."""
    await Answer(chat, version.instruction).place(version, await chat.page(version.id))


# What the buttons do


async def go_on(chat: Chat, page_id: str) -> None:
    """Continue: from the exact end of a page, in the same page."""
    version = await chat.version(page_id)
    answer = chat.answers.get(page_id)
    if answer is None:
        raise PageNotFound("The message with this page is gone. Ask for what is missing in a message.")
    await answer.prepare(version)
    chat.begin(answer.go_on())


async def regenerate(chat: Chat, page_id: str) -> None:
    """The same request with another seed, and warm enough that it shows; the old page stays, and the new one is its sibling."""
    version = await chat.version(page_id)
    if version.origin != "model":
        raise RequestError("This page was not written by the model. Say in a message what to change about it.")
    request = await chat.request_like(version)
    sampling = replace(
        request.sampling,
        seed=secrets.randbelow(2**31),
        temperature=max(request.sampling.temperature, ANOTHER_TEMPERATURE),
    )
    request = replace(request, prefix="", sampling=sampling)
    chat.begin(Answer(chat, version.instruction).write(request, version.parent))


async def fix_error(chat: Chat, page_id: str, error: str, line: int) -> None:
    """Sends an error of the page to the model, with the page; what comes of it is kept as a pair."""
    version = await chat.version(page_id)
    place = f" in line {line}" if line else ""
    instruction = f"Fix this error{place}: {shorten(error, 500)}"

    async def run() -> None:
        chat.page_id = version.id
        await say(chat, instruction)
        try:
            answer = await ask(chat, instruction)
            if answer is not None and answer.page is not None and answer.page.finish_reason == "stop":
                await chat.store.prefer(chat.owner, "fix", answer.page.id, version.id)
        except HtmlgenError as problem:
            await complain(str(problem))

    chat.begin(run())


async def change_element(chat: Chat, page_id: str, path: str, markup: str, instruction: str) -> None:
    """A change to one element that was picked in the page."""
    version = await chat.version(page_id)
    wish = instruction.strip()
    if not wish:
        raise RequestError("Say what to change about the element.")
    request = f"{wish}\n\nChange only this element ({shorten(path, 200)}):\n{shorten(markup, 500)}"

    async def run() -> None:
        chat.page_id = version.id
        await say(chat, request)
        try:
            await ask(chat, request)
        except HtmlgenError as problem:
            await complain(str(problem))

    chat.begin(run())


async def save_edit(chat: Chat, page_id: str, html: str) -> None:
    """Keeps an edit by hand as a version of its own, preferred to the one it began from."""
    version = await chat.version(page_id)
    _not_now(chat)
    _fits(chat, html)
    if html == version.html:
        raise RequestError("Nothing has been changed.")
    edited = await chat.store.add(
        "hand", html, owner=chat.owner, chat=chat.id, parent=version.id, instruction=version.instruction
    )
    await chat.store.prefer(chat.owner, "hand", edited.id, version.id)
    await place(chat, edited)


async def restore(chat: Chat, page_id: str) -> None:
    """Makes an older version the newest one."""
    version = await chat.version(page_id)
    _not_now(chat)
    restored = await chat.store.add(
        "restore", version.html, owner=chat.owner, chat=chat.id, parent=version.id, instruction=version.instruction
    )
    await place(chat, restored)


async def show_page(chat: Chat, page_id: str) -> None:
    """Shows any page of this chat in the pane; the next message changes that one."""
    page = await chat.page(page_id)
    await chat.show(page.id, writing=not page.finished)


async def vote(chat: Chat, page_id: str, value: int, comment: str) -> None:
    """Keeps a vote: +1, -1, or 0 to take it back."""
    wanted: Literal[-1, 0, 1] | None = {-1: -1, 0: 0, 1: 1}.get(value)  # type: ignore[assignment]
    if wanted is None:
        raise RequestError(f"A vote is 1, -1 or 0, not {value!r}.")
    version = await chat.version(page_id)
    await chat.store.vote(version.id, chat.owner, wanted, comment.strip()[:2_000])
    if answer := chat.answers.get(version.id):
        await answer.set_vote(value, comment.strip()[:2_000])


async def pick(chat: Chat, comparison_id: str, chosen: str, rejected: str, tie: bool) -> None:
    """Keeps which of two pages was the better one; it is the current page from then on."""
    comparison = chat.comparisons.get(comparison_id)
    if comparison is None:
        raise PageNotFound("This comparison is gone. Compare once more.")
    winner, loser = await chat.version(chosen), await chat.version(rejected)
    await chat.store.prefer(chat.owner, "compare", winner.id, loser.id, tie=tie)
    await comparison.reveal(winner.id, tie)
    await chat.show(winner.id)


def _not_now(chat: Chat) -> None:
    if chat.is_busy:
        raise RequestError("The model is still writing in this chat. Wait until it has finished, or stop it.")


def _fits(chat: Chat, html: str) -> None:
    size, limit = len(html.encode(errors="replace")), chat.studio.settings.max_page_bytes
    if size > limit:
        raise RequestError(f"The page has {size:,} bytes and at most {limit:,} are kept. Shorten it.")
