"""Pages of people and their work: about, team, résumé, portfolio, gallery."""

from __future__ import annotations

from random import Random

from train.synthetic import fillers, names, words
from train.synthetic.bands import closing, draw, quote, stats, visit
from train.synthetic.cards import MARK, card_maker, cards, lead
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items
from train.synthetic.stylesheet import FLIP, PICTURE


def about(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A story and a few values."""
    title = ask.name or "About us"
    heading = f"About {ask.name}" if ask.name else title
    items = pick_items(ask, rng, words.feature, fillers.VALUES, 3)
    lines = cards(rng, items)
    main = [
        *hero(heading, lead(ask, rng)),
        '<section id="more">',
        "<h2>Our story</h2>",
        f'<p class="lead">{rng.choice(fillers.STORIES)}</p>',
        '<div class="grid">',
        *lines,
        "</div>",
        "</section>",
    ]
    bands = draw(rng, (0.6, stats), (0.5, quote), (0.4, visit))
    blocks = ("hero", "lead", "grid", "card", "text")
    html = page(ask, chosen, title, main, blocks=blocks, extra=(MARK,), more="Story", bands=bands)
    return Draft(title, heading, html, "main h3", items, lines, card_maker, "")


def portfolio(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A person, a role and projects as picture cards."""
    title = ask.name or "Portfolio"
    role = ask.role or "designer"
    items = pick_items(ask, rng, words.titled, fillers.PROJECTS, 3)
    lines = [_work(rng, item) for item in items]
    button = ask.button or "See my work"
    lead = f"{role}. {rng.choice(('I make things with care.', 'Calm work, honest results.', 'Curious by nature.'))}"
    main = [
        *hero(title, lead, button),
        '<section id="more">',
        "<h2>Selected work</h2>",
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
        blocks=("hero", "btn", "lead", "grid"),
        extra=(PICTURE, "figure{margin:0}", FLIP, "figcaption{margin-top:12px;font-weight:700}"),
        more="Work",
        bands=draw(rng, (0.5, quote), (0.5, closing(button))),
    )
    return Draft(title, title, html, "figcaption", items, lines, _work, button)


def _work(rng: Random, text: str) -> str:
    return f'<figure><div class="art"></div><figcaption>{escape(text)}</figcaption></figure>'


def gallery(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Pictures with captions; the pictures are drawn with gradients."""
    title = ask.name or "Gallery"
    items = pick_items(ask, rng, words.titled, fillers.PROJECTS, 6)
    lines = [_work(rng, item) for item in items]
    lead = rng.choice(("Moments worth keeping.", "A small walk through our pictures.", "Light, colour and quiet."))
    main = [*hero(title, lead), '<section id="more">', '<div class="grid">', *lines, "</div>", "</section>"]
    extra = (PICTURE, "figure{margin:0}", FLIP, "figcaption{margin-top:12px;color:var(--soft)}")
    bands = draw(rng, (0.5, quote), (0.2, visit))
    html = page(ask, chosen, title, main, blocks=("hero", "lead", "grid"), extra=extra, more="Pictures", bands=bands)
    return Draft(title, title, html, "figcaption", items, lines, _work, "")


def resume(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A résumé: profile, experience, skills."""
    title = ask.name or "Alex Morgan"
    role = ask.role or "designer"
    items = pick_items(ask, rng, words.skill, ("Planning", "Teamwork", "Research", "Writing", "Teaching", "Design"), 4)
    lines = [f"<li>{escape(item)}</li>" for item in items]
    jobs = rng.sample(("Northwind", "Bluefield", "Oakline", "Studio Nine"), 2)
    main = [
        *hero(title, role + ". " + rng.choice(("Careful, curious and kind.", "Ten years of good work."))),
        '<section id="more">',
        "<h2>Experience</h2>",
        f'<div class="card"><h3>{jobs[0]}</h3><p>2021 – today</p></div>',
        f'<div class="card"><h3>{jobs[1]}</h3><p>2016 – 2021</p></div>',
        '<div class="card"><h3>University</h3><p>2012 – 2016</p></div>',
        "<h2>Skills</h2>",
        '<ul class="tags">',
        *lines,
        "</ul>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead", "card", "text"),
        extra=(
            ".card{margin-bottom:16px}",
            ".card p{margin:0}",
            ".card{border-left:4px solid var(--main)}",
            ".tags{display:flex;flex-wrap:wrap;gap:10px;padding:0;list-style:none}",
            ".tags li{padding:8px 18px;border:1px solid var(--main);border-radius:99px}",
        ),
        more="Experience",
        bands=draw(rng, (0.6, quote)),
    )
    return Draft(title, title, html, ".tags li", items, lines, lambda r, t: f"<li>{escape(t)}</li>", "")


def team(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """People as cards."""
    title = ask.name or "Our team"
    heading = f"The team at {ask.name}" if ask.name else "Meet the team"
    items = pick_items(
        ask, rng, names.person, ("Anna Berg", "Omar Haddad", "Mei Tanaka", "Luca Rossi", "Nina Vega", "Ben Okafor"), 3
    )
    roles = ("Founder", "Designer", "Engineer", "Support", "Marketing", "Finance", "Sales", "Research")
    lines = [_member(item, roles[i % len(roles)]) for i, item in enumerate(items)]
    main = [
        *hero(heading, "The people behind the work."),
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
        blocks=("hero", "lead", "grid", "card", "text"),
        extra=(
            ".card{text-align:center}",
            '.card::before{content:"";display:block;width:88px;height:88px;margin:0 auto 20px;'
            "border-radius:50%;background:linear-gradient(135deg,var(--main),var(--line))}",
            ".card p{margin:0}",
        ),
        more="People",
        bands=draw(rng, (0.4, stats), (0.4, closing(""))),
    )
    return Draft(title, heading, html, "main h3", items, lines, lambda r, t: _member(t, r.choice(roles)), "")


def _member(text: str, role: str) -> str:
    return f'<div class="card"><h3>{escape(text)}</h3><p>{role}</p></div>'
