"""python -m htmlgen: what goes where, what it exits with, and what it leaves alone."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import htmlgen.command
import htmlgen.engines
from htmlgen.__main__ import SUBCOMMANDS, main
from htmlgen.errors import GenerationFailed, ModelNotFound
from htmlgen.settings import PROJECT
from tests.api_server import ApiClient, running
from tests.scripted import ScriptedEngine

PAGE = ["Here:\n\n", "<!DOCTYPE html>\n", "<html><body>", "<h1>Hi, Zoë</h1>", "</body></html>"]
HTML = "".join(PAGE[1:])
COMMAND = [sys.executable, "-m", "htmlgen"]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., ScriptedEngine]:
    """script(chunks, …): the engine that a command without --server gets. The command runs in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def use(*arguments: Any, **options: Any) -> ScriptedEngine:
        engine = ScriptedEngine(*arguments, **options)
        monkeypatch.setattr(htmlgen.engines, "make_engine", lambda settings, **options: engine)
        return engine

    return use


@pytest.fixture
def slow() -> Iterator[tuple[ApiClient, ScriptedEngine]]:
    """A studio that writes for twenty seconds."""
    engine = ScriptedEngine(["<!DOCTYPE html><html>", *["<p>x</p>\n"] * 1_000], delay=0.02)
    with running(engine, queue_size=0) as client:
        yield client, engine


def start(*words: str, **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*COMMAND, *words], cwd=PROJECT, **options)


def wait(condition: Callable[[], Any], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# Here


def test_a_page_goes_into_the_file_whole(script: Any, tmp_path: Path, capfd: Any) -> None:
    engine = script(PAGE)
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "page.html").chmod(0o640)
    assert main(["a login page", "-o", "page.html", "--seed", "3", "--temperature", "0.5", "--model", "scripted"]) == 0
    assert (tmp_path / "page.html").read_text("utf-8") == HTML
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert capfd.readouterr() == ("", "")
    request = engine.requests[0]
    assert (request.instruction, request.page, request.model) == ("a login page", None, "scripted")
    assert (request.sampling.seed, request.sampling.temperature, request.sampling.max_new_tokens) == (3, 0.5, 2048)
    assert engine.closed


def test_without_a_file_the_page_alone_is_on_standard_output(script: Any, capfd: Any) -> None:
    script(PAGE)
    assert main(["a login page"]) == 0
    assert capfd.readouterr() == (HTML, "")


@pytest.mark.parametrize("words", [["-"], ["--page", "-"], ["--page", "old.html"]])
def test_the_current_page_is_a_file_or_standard_input(
    words: list[str], script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = script(PAGE)
    (tmp_path / "old.html").write_text("<p>Zoë</p>", "utf-8")
    with (tmp_path / "old.html").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["make it green", *words]) == 0
    assert engine.requests[0].page == "<p>Zoë</p>"


def test_open_shows_the_page_behind_a_policy(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    script(PAGE)
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    assert main(["x", "-o", "page.html", "--open"]) == 0
    path = Path(opened[0].removeprefix("file://"))
    shown = path.read_text("utf-8")
    path.unlink()
    assert "default-src &#x27;none&#x27;" in shown
    assert 'sandbox="allow-scripts allow-forms"' in shown
    assert "&lt;h1&gt;Hi, Zoë&lt;/h1&gt;" in shown


# Exit codes


def exits(words: Sequence[str]) -> int:
    try:
        return main(words)
    except SystemExit as end:  # argparse
        return int(end.code or 0)


@pytest.mark.parametrize(
    ("engine", "words", "code", "says"),
    [
        ({}, ["x", "--max-new-tokens", "2"], 3, "--max-new-tokens"),
        ({"finish_reason": "cancelled"}, ["x"], 3, "broken off: the server is being shut down"),
        ({"script": ["Sorry, no."]}, ["x"], 4, "It said: Sorry, no."),
        ({"error": GenerationFailed("It broke off.")}, ["x"], 1, "It broke off."),
        ({"load_error": ModelNotFound("There is no model 'x'. Set HTMLGEN_MODEL.")}, ["x"], 1, "Set HTMLGEN_MODEL"),
        ({}, ["x", "--model", "nope"], 1, "Choose one of: scripted"),
        ({}, [], 2, "the following arguments are required: prompt"),
        ({}, ["  "], 2, "The prompt is empty"),
        ({}, ["x", "page"], 2, "in quotes"),
        ({}, ["x", "--wrong"], 2, "--wrong"),
        ({}, ["x", "--temperature", "9"], 2, "temperature is 9.0"),
        ({}, ["x", "--temperature", "nan"], 2, "temperature"),
        ({}, ["x", "--top-k", "1.5"], 2, "--top-k"),
        ({}, ["x", "--page", "nope.html"], 2, "nope.html"),
        ({}, ["x", "--page", "binary.html"], 2, "utf-8"),
        ({}, ["x", "-o", "nope/page.html"], 2, "nope/page.html cannot be written"),
        ({}, ["x", "-o", "."], 2, "cannot be written"),
        ({}, ["x", "--server", "localhost:8000"], 2, "is no address"),
        ({}, ["x", "--server", "http://127.0.0.1:9"], 1, "There is no server at"),
    ],
)
def test_every_way_to_end_has_its_code_and_its_message(
    engine: dict[str, Any], words: list[str], code: int, says: str, script: Any, tmp_path: Path, capfd: Any
) -> None:
    script(**{"script": PAGE, **engine})
    (tmp_path / "binary.html").write_bytes(b"\xff\xfe")
    assert exits(words) == code
    assert says in capfd.readouterr().err


def test_what_is_no_file_is_written_to(script: Any, tmp_path: Path) -> None:
    script(PAGE)
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    assert main(["x", "-o", "pipe"]) == 0
    assert reader.communicate(timeout=10)[0].decode() == HTML
    assert (tmp_path / "pipe").is_fifo()


def test_a_server_that_does_not_come_up_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(htmlgen.command, "SERVER_SECONDS", 0.5)
    for name, value in (("ENGINE", "openai"), ("SERVER", "http://127.0.0.1:9/v1"), ("MODEL", "x")):
        monkeypatch.setenv(f"HTMLGEN_{name}", value)
    assert main(["x"]) == 1
    assert "HTMLGEN_SERVER cannot be reached" in capfd.readouterr().err


def test_a_setting_that_cannot_be_is_wrong_usage(script: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    script(PAGE)
    monkeypatch.setenv("HTMLGEN_QUEUE_SIZE", "many")
    assert main(["x"]) == 2
    assert "HTMLGEN_QUEUE_SIZE" in capfd.readouterr().err


def test_what_fails_leaves_the_file_as_it_was(script: Any, tmp_path: Path) -> None:
    script(PAGE[:3], error=GenerationFailed("It broke off."))
    (tmp_path / "page.html").write_text("old")
    assert main(["x", "-o", "page.html"]) == 1
    assert (tmp_path / "page.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_the_codes_are_documented_where_they_are_looked_for(capsys: Any) -> None:
    assert exits(["--help"]) == 0
    shown = capsys.readouterr().out
    codes = {
        value
        for name, value in vars(htmlgen.command).items()
        if name.isupper() and isinstance(value, int) and not isinstance(value, bool)
    }
    assert codes == {int(code) for code in re.findall(r"^  (\d+)  ", shown, re.MULTILINE)}
    assert htmlgen.command.EXIT_CODES in shown
    assert htmlgen.command.EXIT_CODES in (PROJECT / "docs/api.md").read_text("utf-8")


# Elsewhere


def test_a_running_server_does_the_work_and_nothing_is_loaded_here(tmp_path: Path) -> None:
    engine = ScriptedEngine(PAGE)
    code = (
        "import sys; from htmlgen.__main__ import main; code = main(sys.argv[1:]); "
        "print(sorted({'torch', 'transformers', 'chainlit', 'sqlalchemy', 'htmlgen.studio'} & set(sys.modules)), file=sys.stderr); "
        "sys.exit(code)"
    )
    with running(engine) as client:
        words = ["make it green", "-", "--server", client.url, "--top-k", "7"]
        command = [sys.executable, "-c", code, *words]
        done = subprocess.run(command, cwd=PROJECT, input=b"<p>old</p>", capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == HTML
    assert done.stderr.decode().strip() == "[]"
    assert engine.requests[0].page == "<p>old</p>"
    assert engine.requests[0].sampling.top_k == 7


def test_what_the_server_says_is_told_with_the_same_codes(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(PAGE)
    output = str(tmp_path / "page.html")
    with running(engine, queue_size=0) as client:
        assert main(["x", "--server", client.url, "-o", output]) == 0
        assert Path(output).read_text("utf-8") == HTML
        assert main(["x", "--server", client.url, "--max-new-tokens", "2"]) == 3
        engine.script = ["No."]
        assert main(["x", "--server", client.url]) == 4
        engine.script, engine.error = PAGE[:2], GenerationFailed("It broke off.")
        assert main(["x", "--server", client.url]) == 1
        assert "It broke off." in capfd.readouterr().err
        assert main(["x", "--server", f"{client.url}/nowhere"]) == 1
        assert "no HTMLGen Studio" in capfd.readouterr().err
        assert main(["x", "--server", client.url, "--key", "hg-wrong"]) == 1
        assert "HTMLGEN_KEY" in capfd.readouterr().err


def test_a_server_that_is_busy_or_loading_is_for_later(slow: tuple[ApiClient, ScriptedEngine], capfd: Any) -> None:
    client, engine = slow
    first = start("x", "--server", client.url, stdout=subprocess.PIPE)
    try:
        wait(lambda: engine.running)
        assert main(["x", "--server", client.url]) == 5
        assert "Busy" in capfd.readouterr().err
    finally:
        first.kill()
        first.communicate()
    with running(ScriptedEngine(PAGE, load_seconds=5), wait=False) as client:
        assert main(["x", "--server", client.url]) == 5
        assert "still loading" in capfd.readouterr().err


def test_ctrl_c_ends_it_at_once_and_leaves_the_file_as_it_was(
    slow: tuple[ApiClient, ScriptedEngine], tmp_path: Path
) -> None:
    client, engine = slow
    (tmp_path / "page.html").write_text("old")
    process = start("x", "--server", client.url, "-o", str(tmp_path / "page.html"), stderr=subprocess.PIPE)
    wait(lambda: engine.running)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert (tmp_path / "page.html").read_text() == "old"
    wait(lambda: engine.cancelled == 1, seconds=2)


def test_a_reader_who_stops_ends_it(slow: tuple[ApiClient, ScriptedEngine]) -> None:
    client, engine = slow
    process = start("x", "--server", client.url, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(10) == b"<!DOCTYPE "
    process.stdout.close()
    assert process.wait(10) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    wait(lambda: engine.cancelled == 1, seconds=2)


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_for_terminals_and_gone_at_the_end(quiet: bool, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with running(ScriptedEngine(PAGE, delay=0.05)) as client:
        words = ["x", "--server", client.url, "-o", str(tmp_path / "page.html"), *(["-q"] if quiet else [])]
        process = start(*words, stderr=theirs)
        assert process.wait(30) == 0
    os.close(theirs)
    said = ""
    while True:
        try:
            said += os.read(ours, 4096).decode()
        except OSError:  # the other end is closed
            break
    os.close(ours)
    if quiet:
        assert said == ""
    else:
        assert "Writing: 0.0 KB" in said
        assert said.rstrip().rpartition("\x1b[K")[2].startswith(f"{tmp_path / 'page.html'}: 0.1 KB, 5 tokens")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_page_does_not_command_the_terminal_that_it_is_shown_on(terminal: bool) -> None:
    page = ["<!DOCTYPE html>\n", "<p>\x1b]52;c;aGk=\x07\x1b[2J\x9b2J\ttab</p>\n"]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    with running(ScriptedEngine(page)) as client:
        process = start("x", "--server", client.url, stdout=theirs, stderr=subprocess.DEVNULL)
        assert process.wait(30) == 0
    os.close(theirs)
    said = os.read(ours, 4096).decode().replace("\r\n", "\n")
    os.close(ours)
    assert said == ("<!DOCTYPE html>\n<p>]52;c;aGk=[2J2J\ttab</p>\n" if terminal else "".join(page))


# Other commands


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_other_command_explains_itself(name: str, capsys: Any) -> None:
    assert exits([name, "--help"]) == 0
    assert f"python -m htmlgen {name}" in capsys.readouterr().out


def test_a_prompt_may_be_a_commands_name(script: Any) -> None:
    engine = script(PAGE)
    assert main(["--", "export"]) == 0
    assert engine.requests[0].instruction == "export"
