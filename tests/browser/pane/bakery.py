"""A page in three versions, and the pane that shows them."""

from typing import Any

from playwright.sync_api import Page, expect

from htmlgen.page import LivePage
from tests.browser.pane.app import PaneTab, version

EDITOR = "HTML source. Tab indents"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
STYLE = """
body { font-family: system-ui, sans-serif; margin: 0; color: #3b2a1a; background: #fffdf9 }
header { background: #a85617; color: white; padding: 3rem 2rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; padding: 2rem }
.card { border: 1px solid #e8d8c4; border-radius: 12px; padding: 1.2rem }
.card button { background: #a85617; color: white; border: 0; border-radius: 6px; padding: .5rem 1rem }
"""
LOAVES = ["Rye", "Spelt", "Baguette", "Walnut", "Focaccia", "Brioche", "Pumpernickel", "Ciabatta", "Milk bread"]
CARDS = "".join(
    f'<section class="card"><h2>{loaf}</h2><p>Baked since five.</p><button>Order</button></section>\n'
    for loaf in LOAVES
)
BAKERY = (
    f"<!DOCTYPE html>\n<html lang='en'>\n<head>\n<title>Sunny Crumb</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    f'<header id="top"><h1>Sunny Crumb</h1><p>Bread with a crackle.</p></header>\n<main class="cards">\n{CARDS}</main>\n'
    "</body>\n</html>\n"
)
GREEN = BAKERY.replace("#a85617", "#2b6a3b")
BUY = GREEN.replace("Order", "Buy").replace("</main>", "</main>\n<footer>Open from five.</footer>")


def three(pane: PaneTab, **props: Any) -> list[LivePage]:
    """Three versions of the bakery, the last one on show."""
    pages = [pane.app.new(html) for html in (BAKERY, GREEN, BUY)]
    said = ["A landing page for the bakery Sunny Crumb", "make the header green", "the buttons say Buy"]
    origins = ["model", "model", "hand"]
    versions = [
        version(page, n + 1, said[n], origin=origins[n], state="stopped" if n == 1 else "finished")
        for n, page in enumerate(pages)
    ]
    pane.update(pages[2], version=3, versions=versions, title="Sunny Crumb", **props)
    expect(pane.frame.locator("h1")).to_have_text("Sunny Crumb")
    return pages


def rows(page: Page, selector: str = ".pv-code .pc-row") -> str:
    """The source as the rows of the code show it."""
    read = "rows => rows.map(row => [row.dataset.n, row.textContent])"
    return "".join(("\n" if n and n != "1" else "") + text for n, text in page.locator(selector).evaluate_all(read))
