"""Requests that schemathesis makes up from the description, against the real app: none breaks it, none gets in without a key.

`make fuzz` sends 2,000 and more; here it is what breaks each rule of the schema once, and a few random ones.
"""

from benchmarks.fuzz_api import fuzz, scripted_app


def test_no_request_breaks_the_api() -> None:
    with scripted_app() as (url, key):
        outcome = fuzz(url, key, cases=30, seed=1)
    assert not outcome.failures, outcome.report[outcome.report.find("= FAILURES =") :]
    assert outcome.cases > 300
