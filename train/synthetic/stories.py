"""Pages to read: blog post, questions and answers, recipe."""

from __future__ import annotations

from random import Random

from train.synthetic import fillers, words
from train.synthetic.bands import closing, draw, quote, visit
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items
from train.synthetic.stylesheet import PICTURE


def blog(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """An article with a few sections."""
    title = ask.name or rng.choice(("Notes from a slow week", "Why small things matter", "A letter to beginners"))
    items = pick_items(ask, rng, words.titled, fillers.BLOG_SECTIONS, 3)
    start = rng.randrange(len(fillers.PARAGRAPHS))
    lines = [
        f"<h2>{escape(item)}</h2><p>{fillers.PARAGRAPHS[(start + i) % len(fillers.PARAGRAPHS)]}</p>"
        for i, item in enumerate(items)
    ]
    by = f"By {ask.facts['author']}" if "author" in ask.facts else "By the editors"
    main = [
        *hero(title, f"{by} · 5 minutes to read"),
        '<section id="more">',
        "<article>",
        '<div class="art"></div>',
        *lines,
        "</article>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead"),
        extra=(
            PICTURE,
            "article{max-width:40em;margin:auto;font-size:1.1em}",
            "article .art{height:320px;margin-top:-140px;box-shadow:0 16px 40px #0002}",
            "article h2{margin-top:1.4em}",
        ),
        more="Article",
        bands=draw(rng, (0.5, quote)),
    )
    return Draft(title, title, html, "main h2", items, lines, _chapter, "")


def _chapter(rng: Random, text: str) -> str:
    return f"<h2>{escape(text)}</h2><p>{rng.choice(fillers.PARAGRAPHS)}</p>"


def faq(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Questions that open on a click."""
    title = ask.name or "FAQ"
    heading = f"{ask.name}: questions and answers" if ask.name else "Frequently asked questions"
    items = pick_items(ask, rng, words.question, fillers.QUESTIONS, 4)
    start = rng.randrange(len(fillers.ANSWERS))
    lines = [_question(item, fillers.ANSWERS[(start + i) % len(fillers.ANSWERS)]) for i, item in enumerate(items)]
    main = [*hero(heading, "Everything people ask us, in one place."), '<section id="more">', *lines, "</section>"]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead", "card", "text"),
        extra=("details{margin-bottom:16px}", "summary{font-weight:700;cursor:pointer}", "details p{margin:12px 0 0}"),
        more="Questions",
        bands=draw(rng, (0.6, closing("")), (0.3, visit)),
    )
    return Draft(
        title, heading, html, "summary", items, lines, lambda r, t: _question(t, r.choice(fillers.ANSWERS)), ""
    )


def _question(text: str, answer: str) -> str:
    return f'<details class="card"><summary>{escape(text)}</summary><p>{answer}</p></details>'


def recipe(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Ingredients and steps."""
    title = ask.name or "Tomato soup"
    items = pick_items(
        ask, rng, words.dish, ("olive oil", "two onions", "fresh herbs", "sea salt", "black pepper", "a lemon"), 4
    )
    lines = [f"<li>{escape(item)}</li>" for item in items]
    main = [
        *hero(title, rng.choice(("Ready in 30 minutes · serves four", "Easy · one pot · serves two"))),
        '<section id="more" class="grid">',
        '<div class="card">',
        "<h2>Ingredients</h2>",
        "<ul>",
        *lines,
        "</ul>",
        "</div>",
        "<div>",
        "<h2>Method</h2>",
        "<p>Prepare everything and warm the pan.</p>",
        "<p>Cook slowly, stir often and taste as you go.</p>",
        "<p>Serve warm, with good company.</p>",
        "</div>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead", "grid", "card"),
        extra=("ul{padding-left:1.2em}",),
        more="Recipe",
        bands=draw(rng, (0.5, quote)),
    )
    return Draft(title, title, html, "main li", items, lines, lambda r, t: f"<li>{escape(t)}</li>", "")
