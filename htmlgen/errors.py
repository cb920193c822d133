"""The exceptions a user may read, as one small tree. Their text is shown as it is.

    HtmlgenError
    ├── SettingsError        a setting, flag or environment variable cannot be used
    ├── ModelError           the model cannot be loaded
    │   ├── ModelNotFound    no such preset, folder or hub id, or no network to fetch it
    │   ├── AdapterMismatch  the adapter was made for another base
    │   ├── OutOfMemory      too little memory to load the model or to finish a page
    │   └── ServerUnavailable  the server in HTMLGEN_SERVER cannot be reached, or does not let us in
    ├── SharingFailed        no tunnel, or the one there was is gone
    ├── StorageFailed        the disk is full, or the database locked or out of reach
    └── RequestError         this one request cannot be served; the next one can
        ├── PromptTooLong    the prompt leaves no room in the model's context
        ├── Busy             the queue is full
        ├── NotReady         the model is still loading
        ├── PageNotFound     no page with that id, or no longer kept
        ├── GenerationFailed the engine broke off
        ├── ServerBusy       the server in HTMLGEN_SERVER has too much to do
        ├── ServerRefused    the server in HTMLGEN_SERVER does not take this request
        ├── Unauthorized     nobody is logged in, or a key is not known
        ├── TooManyRequests  more requests than one may send
        └── BodyTooLarge     a body longer than the route reads

Every message says what happened, with the value, and what to do next. `code` is what programs read;
`status` is the HTTP status that the API answers with.
"""

from typing import ClassVar


class HtmlgenError(Exception):
    """Base of everything that a user may read."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500


class SettingsError(HtmlgenError):
    code = "bad_settings"


class ModelError(HtmlgenError):
    code = "model_error"
    status = 503


class ModelNotFound(ModelError):
    code = "model_not_found"


class AdapterMismatch(ModelError):
    code = "adapter_mismatch"


class OutOfMemory(ModelError):
    code = "out_of_memory"


class ServerUnavailable(ModelError):
    code = "server_unavailable"


class SharingFailed(HtmlgenError):
    code = "sharing_failed"
    status = 503


class StorageFailed(HtmlgenError):
    """Begins with what is not saved, or cannot be read."""

    code = "storage_failed"
    status = 503


class RequestError(HtmlgenError):
    code = "bad_request"
    status = 400


class PromptTooLong(RequestError):
    """`prompt_tokens` do not fit into `limit` tokens of context."""

    code = "prompt_too_long"
    status = 413

    def __init__(self, prompt_tokens: int, limit: int, *, has_page: bool = False) -> None:
        self.prompt_tokens, self.limit = prompt_tokens, limit
        drop = ", or start a new chat to drop the current page" if has_page else ""
        super().__init__(
            f"The prompt is {prompt_tokens:,} tokens long and this model has room for {limit:,}. Shorten the request{drop}."
        )


class Busy(RequestError):
    """`waiting` requests are queued already, as many as the queue may hold."""

    code = "busy"
    status = 429

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        super().__init__(f"Busy: {waiting} requests are waiting already. Try again in a minute.")


class NotReady(RequestError):
    code = "not_ready"
    status = 503


class PageNotFound(RequestError):
    code = "page_not_found"
    status = 404


class GenerationFailed(RequestError):
    code = "generation_failed"
    status = 500


class ServerBusy(RequestError):
    code = "server_busy"
    status = 503


class ServerRefused(RequestError):
    code = "server_refused"
    status = 502


class Unauthorized(RequestError):
    code = "unauthorized"
    status = 401


class TooManyRequests(RequestError):
    """`retry_after` is the seconds until one more is let through."""

    code = "too_many_requests"
    status = 429

    def __init__(self, what: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"{what} Try again in {retry_after} second{'s' if retry_after != 1 else ''}.")


class BodyTooLarge(RequestError):
    """The route reads `limit` bytes at most."""

    code = "body_too_large"
    status = 413

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"The request's body is longer than {limit:,} bytes, which is all that is read here. Send less."
        )
