"""The HTTP interface for programs, put together: POST /generate_html, OpenAI's protocol, GET /models, /ready, /metrics and /docs.

    for route in make_api(studio).routes: app.router.routes.insert(0, route)

Requests stand in the same line as the chat's. docs/api.md has examples.
"""

import re
from collections.abc import Iterable
from typing import Literal

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Receive, Scope, Send

from htmlgen.auth import User
from htmlgen.generate_api import CurrentUser, make_generate_api
from htmlgen.metrics import CONTENT_TYPE
from htmlgen.openai_api import make_openai_api
from htmlgen.problems import answer_with_problems, problems
from htmlgen.studio import Studio


class ModelEntry(BaseModel):
    id: str = Field(description="What `model` of a request takes.", examples=["demo"])
    label: str
    note: str
    default: bool


class Models(BaseModel):
    models: list[ModelEntry] = Field(description="The default first.")


class Readiness(BaseModel):
    """Whether the model can generate."""

    status: Literal["ready", "loading", "failed"] = Field(description="All that a stranger is told.")
    model: str | None = None
    reason: str | None = Field(
        None, description="What it is doing, or why it never will.", examples=["Downloading, 40 %"]
    )
    waiting: int | None = Field(None, description="Requests in line.")


def make_api(studio: Studio) -> Router:
    """The routes. Insert them at the front of an app whose last route answers every path."""
    api = FastAPIOffline(
        title="HTMLGen Studio",
        version="1",
        description="Pages from a prompt. Everything stands in the same line as the chat; errors are problem details (RFC 9457).",
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs/assets",
        favicon_url="/favicon",
        swagger_ui_oauth2_redirect_url="/docs/oauth2-redirect",
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": 0},
        redirect_slashes=False,
    )
    answer_with_problems(api)
    parts = {"pages": make_generate_api(studio), "OpenAI's protocol": make_openai_api(studio), "state": _state(studio)}
    for tag, part in parts.items():
        api.include_router(part, tags=[tag])
    own = [route for part in parts.values() for route in part.routes]
    return Router(_doors(api, [*api.routes, *own]))


def _state(studio: Studio) -> APIRouter:
    routes = APIRouter()

    @routes.get("/models", summary="What can be chosen", responses=problems(401))
    async def models(user: CurrentUser) -> Models:
        found = studio.engine.models
        return Models(
            models=[ModelEntry(id=m.id, label=m.label, note=m.note, default=m is found[0]) for m in found],
        )

    @routes.head("/ready", include_in_schema=False)
    @routes.get(
        "/ready",
        summary="Can the model generate?",
        response_model=Readiness,
        responses={503: {"description": "Not yet, or never: `reason` says which.", "model": Readiness}},
    )
    async def ready(request: Request) -> JSONResponse:
        if not isinstance(request.scope.get("state", {}).get("user"), User):
            state = Readiness(status=studio.state)  # a stranger learns neither what runs here nor why it does not
        elif studio.state == "ready":
            state = Readiness(status=studio.state, model=studio.engine.name, waiting=studio.waiting)
        else:
            state = Readiness(status=studio.state, model=studio.engine.name, reason=studio.status)
        headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if studio.state == "loading" else {})
        return JSONResponse(state.model_dump(exclude_none=True), 200 if studio.state == "ready" else 503, headers)

    @routes.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401)},
    )
    async def metrics(user: CurrentUser) -> Response:
        return Response(studio.metrics.render(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    return routes


# Into an app that answers every path


class _Door(Route):
    """Leads a path of the API into it, whatever the method: what follows in the app would answer with a page for people."""

    def __init__(self, path: str, api: FastAPI, methods: Iterable[str]) -> None:
        super().__init__(path, api, methods=list(methods))
        # Starlette's patterns stop at a line break, which an address may well hold.
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (Match.NONE if match is Match.NONE else Match.FULL), child

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _doors(api: FastAPI, routes: Iterable[BaseRoute]) -> list[_Door]:
    """One for each path of `routes`, and one below each first part of them for what is not there."""
    known: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, Route) and route.methods:
            known.setdefault(route.path, set()).update(route.methods)
    known["/docs/assets/{path:path}"] = {"GET"}
    doors = [_Door(path, api, methods=methods) for path, methods in known.items()]
    for first in sorted({path.split("/")[1] for path in known} | {"api"}):
        doors.append(_Door(f"/{first}/{{path:path}}", api, methods=["GET"]))
    return doors
