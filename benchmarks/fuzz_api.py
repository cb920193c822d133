"""Does any request break the API? python benchmarks/fuzz_api.py [--cases 2000] [--seed 1]      (make fuzz)

Starts the real app over a scripted engine, with a log-in and an API key, and lets schemathesis make up requests from
/openapi.json: valid ones, each rule of the schema broken once, and random ones. Every answer is checked: no 5xx, no status,
type or body that the description does not name, nothing wrong accepted, nothing without the key. Exits with 1 if something is.
Sends to this machine only, and ends by itself.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ALL_BUT = (
    # That somebody must have asked something, and that a model must be there, no schema says.
    "positive_data_acceptance",
    # They need the addresses of things that a request made; there is only page_url, which tests/test_auth.py looks after.
    "use_after_free",
    "ensure_resource_availability",
    "object_level_authorization",
)


@dataclass(frozen=True)
class Outcome:
    """What a run found; `report` is schemathesis' own."""

    cases: int
    failures: int
    report: str


def fuzz(url: str, key: str, *, cases: int, seed: int, seconds: int = 3_600) -> Outcome:
    """Sends about `cases` requests to the API at `url`, one after another."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"),
        *("--header", f"Authorization: Bearer {key}", "--checks", "all", "--exclude-checks", ",".join(ALL_BUT)),
        # Three routes take something from the request; of the others there is one case each.
        *("--phases", "examples,coverage,fuzzing", "--max-examples", str(max(1, cases // 3)), "--seed", str(seed)),
        *("--workers", "1", "--no-shrink", "--continue-on-failure", "--request-timeout", "20", "--warnings", "off"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"NO_PROXY": "*", "HYPOTHESIS_STORAGE_DIRECTORY": folder}
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=seconds, check=False
        )
    found = re.search(r"^\s*([\d,]+) generated(?:, ([\d,]+) found)?", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"schemathesis did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    failures = int((found[2] or "0").replace(",", ""))
    if done.returncode and not failures:
        failures = 1  # an error of its own: the report says which
    return Outcome(int(found[1].replace(",", "")), failures, done.stdout)


@dataclass(frozen=True)
class App:
    """A running app: its address, an API key, and the file that says what its engine writes."""

    url: str
    key: str
    script: Path


@contextmanager
def scripted_app() -> Iterator[App]:
    """The app over an engine that always writes the same page, until the script says otherwise."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.json"
        script.write_text(json.dumps({"chunks": ["<!DOCTYPE html>", "<h1>Hello</h1>", "</html>"]}))
        env = os.environ | {
            "HTMLGEN_SCRIPT": str(script),
            "HTMLGEN_DATA": str(Path(folder) / "data"),
            "HTMLGEN_PASSWORD": "a password for the fuzzer",
            "HTMLGEN_RATE_LIMIT": "1000000",
        }
        made = subprocess.run(
            [sys.executable, "-m", "htmlgen", "apikey", "add", "fuzz"],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        command = [sys.executable, "-m", "chainlit", "run", "tests/browser/scripted_app.py", "--headless"]
        with open(Path(folder) / "server.log", "w") as log:
            server = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, env=env, stdout=log, stderr=log)
            try:
                _wait_ready(url, server)
                yield App(url, made.stdout.strip(), script)
            finally:
                server.terminate()
                server.wait(20)


def _wait_ready(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise SystemExit("The app did not start.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.monotonic()
    with scripted_app() as app:
        outcome = fuzz(app.url, app.key, cases=arguments.cases, seed=arguments.seed)
    print(outcome.report[outcome.report.find("= FAILURES =") :] if outcome.failures else "", end="")
    print(f"{outcome.cases:,} cases in {time.monotonic() - started:.0f} s, {outcome.failures} with failures.")
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
