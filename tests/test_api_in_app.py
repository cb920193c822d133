"""The API as it is served: behind the gate, a log-in and Chainlit's own middleware, in front of a route that answers every path."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.fuzz_api import App, fuzz, scripted_app

SLOW = {"chunks": ["<!DOCTYPE html><html><body>", *["<p>x</p>"] * 10_000], "delay": 0.02}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with scripted_app() as app:
        yield app


@pytest.fixture
def client(app: App) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {app.key}", "Accept-Encoding": "gzip, br"}
    with httpx.Client(base_url=app.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture
def slow(app: App) -> Iterator[None]:
    quick = app.script.read_text()
    app.script.write_text(json.dumps(SLOW))
    yield
    app.script.write_text(quick)


def running(client: httpx.Client) -> bool:
    return "htmlgen_running 1.0" in client.get("/metrics").text


def test_no_request_breaks_the_api(app: App) -> None:
    """What breaks each rule of the schema once, and a few random ones; `make fuzz` sends 2,000."""
    outcome = fuzz(app.url, app.key, cases=30, seed=1)
    assert not outcome.failures, outcome.report[outcome.report.find("= FAILURES =") :]
    assert outcome.cases > 300


@pytest.mark.parametrize("accept", ["text/event-stream", "text/html"])
def test_a_stream_comes_while_it_is_written_and_frees_its_place_when_nobody_reads(
    client: httpx.Client, slow: None, accept: str
) -> None:
    body = {"prompt": "x", "stream": True}
    with client.stream("POST", "/generate_html", json=body, headers={"Accept": accept}) as answer:
        assert answer.headers["content-type"].startswith(accept)
        pieces = answer.iter_raw()
        assert [len(next(pieces)) < 4_000 for _ in range(5)] == [True] * 5, "no compressor gathers it into blocks"
        assert running(client)
    end = time.monotonic() + 30  # unread it would be written for minutes
    while running(client):
        assert time.monotonic() < end, "the place is still taken"
        time.sleep(0.02)


def test_a_page_is_shown_to_its_owner(client: httpx.Client, app: App) -> None:
    made = client.post("/generate_html", json={"prompt": "x"}).json()
    assert "<h1>Hello</h1>" in client.get(made["page_url"]).text
    stranger = httpx.get(made["page_url"], headers={"Accept": "*/*"}, trust_env=False)
    assert stranger.status_code == 401


def test_where_there_is_nothing_programs_get_a_problem_and_not_the_chat(client: httpx.Client) -> None:
    for path in ("/v1/nope", "/generate_html/", "/models/x", "/api/generate", "/docs/x", "/docs/assets/x"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
    assert client.get("/generate_html").status_code == 405
    assert client.get("/openapi.json").json()["info"]["title"] == "HTMLGen Studio"
    assert "swagger-ui-bundle.js" in client.get("/docs").text
