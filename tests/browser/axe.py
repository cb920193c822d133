"""What axe finds that keeps people out."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def serious(page: Page) -> list[Any]:
    """What axe finds that keeps people out: rule, and the first elements."""
    for _ in range(20):  # names are given twice a second
        page.wait_for_timeout(700)
        found = Axe().run(page, options={"iframes": False, "resultTypes": ["violations"]}).response["violations"]
        problems = [
            (v["id"], [node["html"][:120] for node in v["nodes"][:3]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        if not problems:
            break
    return problems
