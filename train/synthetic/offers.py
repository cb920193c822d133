"""Pages of what is sold: landing, pricing, menu, product."""

from __future__ import annotations

from random import Random

from train.synthetic import fillers, words
from train.synthetic.bands import closing, draw, quote, stats, visit
from train.synthetic.cards import GRID, MARK, card_maker, cards, lead
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items
from train.synthetic.stylesheet import PICTURE
from train.synthetic.trades import GENERIC_OFFERS


def landing(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A hero with a call to action and a grid of offers."""
    title = ask.name or (ask.trade.name.capitalize() if ask.trade else "Welcome")
    usual = (*(ask.trade.offers if ask.trade else ()), *GENERIC_OFFERS)
    items = pick_items(ask, rng, words.feature, usual, 3)
    button = ask.button or (ask.trade.action if ask.trade else "Get started")
    lines = cards(rng, items)
    section = rng.choice(("What we offer", "Why people love us", "Good to know"))
    main = [
        *hero(title, lead(ask, rng), button),
        '<section id="more">',
        f"<h2>{section}</h2>",
        '<div class="grid">',
        *lines,
        "</div>",
        "</section>",
    ]
    bands = draw(rng, (0.5, stats), (0.5, quote), (0.5, closing(button)))
    html = page(ask, chosen, title, main, blocks=GRID, extra=(MARK,), more="Offers", bands=bands)
    return Draft(title, title, html, "main h3", items, lines, card_maker, button)


def pricing(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Plans side by side."""
    title = ask.name or "Pricing"
    heading = f"{ask.name} pricing" if ask.name else "Simple, fair pricing"
    items = pick_items(ask, rng, words.plan, ("Free", "Pro", "Team", "Business", "Enterprise"), 3)
    usual = ["$0", "$9", "$19", "$39", "$79", "$129", "$199", "$299"]
    prices = ask.prices or usual
    button = ask.button or rng.choice(("Choose plan", "Get started"))
    lines = [_plan(item, prices[i], button) for i, item in enumerate(items)]
    main = [
        *hero(heading, rng.choice(("Pick a plan and start today.", "No hidden fees. Cancel any time."))),
        '<section id="more">',
        '<div class="grid">',
        *lines,
        "</div>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("btn", "lead", "grid", "card", "text"),
        extra=(
            ".hero{text-align:center;padding-bottom:0}",
            ".hero .lead{margin:auto}",
            ".card:nth-child(2){border:2px solid var(--main)}",
            '.card:nth-child(2)::before{content:"Most popular";float:right;padding:2px 12px;border-radius:99px;'
            "background:var(--main);color:var(--on);font-size:.8em;font-weight:700}",
            ".card .price{font-size:2.4em;font-weight:800;color:var(--ink)}",
            ".card .btn{margin-top:20px}",
        ),
        more="Plans",
        bands=draw(rng, (0.6, stats), (0.5, quote)),
    )
    return Draft(title, heading, html, "main h3", items, lines, lambda r, t: _plan(t, r.choice(usual), button), button)


def _plan(text: str, price: str, button: str) -> str:
    return (
        f'<div class="card"><h3>{escape(text)}</h3><p class="price">{escape(price)}</p>'
        f'<p>per month</p><a class="btn" href="#contact">{escape(button)}</a></div>'
    )


def menu(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Dishes with prices."""
    title = ask.name or "Our menu"
    items = pick_items(ask, rng, words.dish, fillers.DISHES, 5)
    usual = ("$6", "$8", "$9", "$11", "$12", "$14", "$16", "$18")
    start = rng.randrange(len(usual))
    prices = ask.prices or [usual[(start + i) % len(usual)] for i in range(len(items))]
    lines = [_dish(item, prices[i]) for i, item in enumerate(items)]
    lead = rng.choice(
        ("Cooked fresh, every day.", "Good food, good people, long evenings.", "Simple dishes, honest flavours.")
    )
    main = [
        *hero(title, lead),
        '<section id="more">',
        "<h2>Menu</h2>",
        '<ul class="card menu">',
        *lines,
        "</ul>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead", "card"),
        extra=(
            ".menu{margin:0;list-style:none}",
            ".menu li{display:flex;justify-content:space-between;padding:16px 0;border-bottom:1px dashed var(--line)}",
            ".menu h3{margin:0}",
            ".menu b{color:var(--main)}",
        ),
        more="Menu",
        bands=draw(rng, (0.75, visit), (0.4, quote)),
    )
    return Draft(title, title, html, ".menu h3", items, lines, lambda r, t: _dish(t, r.choice(usual)), "")


def _dish(text: str, price: str) -> str:
    return f"<li><h3>{escape(text)}</h3><b>{escape(price)}</b></li>"


def product(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A product with a picture, a price and what it can do."""
    title = ask.name or "Our product"
    items = pick_items(
        ask,
        rng,
        words.feature,
        (
            "Built to last",
            "Two years of warranty",
            "Free returns",
            "Easy to clean",
            "Light to carry",
            "Made to be repaired",
        ),
        3,
    )
    lines = [f"<li>{escape(item)}</li>" for item in items]
    price = ask.facts.get("price", rng.choice(("$29", "$49", "$89")))
    button = ask.button or rng.choice(("Add to cart", "Buy now"))
    lead = rng.choice(("Made to be used every day.", "Small, smart and ready to go.", "The one you will keep."))
    main = [
        '<section id="more" class="split">',
        '<div class="art"></div>',
        "<div>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{lead}</p>',
        f'<p class="price">{escape(price)}</p>',
        "<ul>",
        *lines,
        "</ul>",
        f"<button>{escape(button)}</button>",
        "</div>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("btn", "lead"),
        extra=(
            PICTURE,
            ".split{display:grid;gap:48px;align-items:center;grid-template-columns:repeat(auto-fit,minmax(280px,1fr))}",
            ".split .art{height:420px}",
            ".price{font-size:2em;font-weight:800;color:var(--main)}",
        ),
        more="Details",
        bands=draw(rng, (0.6, stats), (0.6, quote)),
    )
    return Draft(title, title, html, "main li", items, lines, lambda r, t: f"<li>{escape(t)}</li>", button)
