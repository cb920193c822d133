"""Pages that show something: landing, about, portfolio, blog, pricing, menu, event, table and so on."""

from __future__ import annotations

from random import Random

from train.synthetic import words
from train.synthetic.bands import closing, draw, quote, stats, visit
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items
from train.synthetic.trades import GENERIC_OFFERS

DETAILS = (
    "Made with care, every single day.",
    "Simple, quick and a pleasure to use.",
    "Loved by people who know the difference.",
    "Ask us, we are happy to help.",
    "Small details, done properly.",
    "Ready when you are.",
)
STORIES = (
    "It began with a small idea and a lot of patience. Today we still do things the slow, careful way.",
    "We believe that good work needs time, honest materials and people who care.",
    "What started at a kitchen table has become a place that many call their own.",
    "Every day we learn something new, and we love to share it with you.",
)
PARAGRAPHS = (
    "It took me years to notice how much the small things matter. Once you see them, you cannot stop.",
    "Start with one step and keep it easy. The rest follows sooner than you think.",
    "Nobody tells you this at the beginning, so write it down and come back to it later.",
    "Take your time here. A slow morning often saves a hurried week.",
    "I tried it three ways, and the simplest one won every time.",
)
ANSWERS = (
    "Yes, and it takes less than a minute.",
    "Write to us and we will answer within a day.",
    "You can change this at any time, free of charge.",
    "It is included, with nothing extra to pay.",
    "Our team will guide you step by step.",
)
VALUES = ("Honest work", "Kind people", "Fair prices", "Good materials", "Open doors", "Time to listen")
BLOG_SECTIONS = ("How it began", "What I learned", "What comes next", "One last thing", "Small steps", "In short")
PROJECTS = (
    "Quiet Harbor",
    "Glass House",
    "Northern Light",
    "Paper Garden",
    "Blue Hour",
    "Old Town",
    "First Snow",
    "Sea Road",
)
EVENT_STEPS = ("Doors open", "Opening talk", "Live music", "Food and drinks", "Late show", "Goodbye")
METRICS = ("Visitors", "Orders", "Revenue", "New users", "Rating", "Returns", "Messages", "Downloads")
QUESTIONS = (
    "How does it work?",
    "What does it cost?",
    "Can I cancel?",
    "Is there a free trial?",
    "How can I reach you?",
    "Do you ship abroad?",
    "Is my data safe?",
    "Can I change my plan?",
)
DISHES = (
    "tomato soup",
    "roast chicken",
    "mushroom risotto",
    "green salad",
    "lemon tart",
    "fresh lemonade",
    "garlic bread",
    "ice cream",
)
NUMBERS = ("12", "18", "24", "31", "47", "56", "68", "83", "95")
CELLS = {
    "name": ("Alder", "Birch", "Cedar", "Maple", "Rowan", "Willow", "Aspen", "Hazel"),
    "price": ("$4", "$9", "$15", "$28", "$42"),
    "total": ("$40", "$90", "$150", "$280", "$420"),
    "salary": ("$3,200", "$4,100", "$5,000"),
    "status": ("Active", "Pending", "Done"),
    "city": ("Lisbon", "Oslo", "Kyoto", "Quito", "Turin"),
    "country": ("Portugal", "Norway", "Japan", "Ecuador", "Italy"),
    "date": ("3 May", "12 June", "21 July", "9 August"),
    "deadline": ("3 May", "12 June", "21 July", "9 August"),
    "email": ("ann@mail.com", "bo@mail.com", "cleo@mail.com", "dan@mail.com"),
    "priority": ("High", "Medium", "Low"),
    "owner": ("Ann", "Bo", "Cleo", "Dan"),
    "team": ("North", "South", "East", "West"),
    "department": ("Sales", "Design", "Finance"),
    "category": ("Home", "Garden", "Office"),
    "region": ("North", "South", "East", "West"),
    "colour": ("Red", "Blue", "Green", "White"),
    "size": ("S", "M", "L", "XL"),
    "year": ("2021", "2022", "2023", "2024", "2025"),
}


def card(text: str, detail: str) -> str:
    """One card of a grid."""
    return f'<div class="card"><h3>{escape(text)}</h3><p>{detail}</p></div>'


def _card_maker(rng: Random, text: str) -> str:
    return card(text, rng.choice(DETAILS))


def _cards(rng: Random, items: list[str]) -> list[str]:
    start = rng.randrange(len(DETAILS))
    return [card(item, DETAILS[(start + index) % len(DETAILS)]) for index, item in enumerate(items)]


def _lead(ask: Ask, rng: Random) -> str:
    if ask.trade is None:
        return "Something good is waiting for you."
    line = rng.choice(ask.trade.lines)
    if ask.trade.action == "Find out more":  # an invented trade: its name is copied into the sentence
        return f"The {ask.trade.name} for everyone. {line}"
    return line


GRID = ("hero", "btn", "lead", "grid", "card", "text")
MARK = (
    '.card::before{content:"✦";display:grid;place-items:center;width:48px;height:48px;margin-bottom:20px;border-radius:14px;'
    "background:var(--main);color:var(--on);font-size:1.3em}\n"
    '.card:nth-child(2n)::before{content:"◆"}\n'
    '.card:nth-child(3n)::before{content:"●"}'
)
"""A sign on each card, three in turns."""
ART = (
    ".art{height:200px;border-radius:var(--round);background:radial-gradient(circle at 70% 30%,#fff 11%,#fff0 12%),"
    "linear-gradient(160deg,#fff0 58%,var(--main) 59%),linear-gradient(205deg,#fff0 48%,var(--from) 49%),var(--line)}"
)
FLIP = "figure:nth-child(2n) .art{transform:scaleX(-1)}"


def landing(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A hero with a call to action and a grid of offers."""
    title = ask.name or (ask.trade.name.capitalize() if ask.trade else "Welcome")
    usual = (*(ask.trade.offers if ask.trade else ()), *GENERIC_OFFERS)
    items = pick_items(ask, rng, words.feature, usual, 3)
    button = ask.button or (ask.trade.action if ask.trade else "Get started")
    lines = _cards(rng, items)
    section = rng.choice(("What we offer", "Why people love us", "Good to know"))
    main = [
        *hero(title, _lead(ask, rng), button),
        '<section id="more">',
        f"<h2>{section}</h2>",
        '<div class="grid">',
        *lines,
        "</div>",
        "</section>",
    ]
    bands = draw(rng, (0.5, stats), (0.5, quote), (0.5, closing(button)))
    html = page(ask, chosen, title, main, blocks=GRID, extra=(MARK,), more="Offers", bands=bands)
    return Draft(title, title, html, "main h3", items, lines, _card_maker, button)


def about(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A story and a few values."""
    title = ask.name or "About us"
    heading = f"About {ask.name}" if ask.name else title
    items = pick_items(ask, rng, words.feature, VALUES, 3)
    lines = _cards(rng, items)
    main = [
        *hero(heading, _lead(ask, rng)),
        '<section id="more">',
        "<h2>Our story</h2>",
        f'<p class="lead">{rng.choice(STORIES)}</p>',
        '<div class="grid">',
        *lines,
        "</div>",
        "</section>",
    ]
    bands = draw(rng, (0.6, stats), (0.5, quote), (0.4, visit))
    blocks = ("hero", "lead", "grid", "card", "text")
    html = page(ask, chosen, title, main, blocks=blocks, extra=(MARK,), more="Story", bands=bands)
    return Draft(title, heading, html, "main h3", items, lines, _card_maker, "")


def portfolio(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A person, a role and projects as picture cards."""
    title = ask.name or "Portfolio"
    role = ask.role or "designer"
    items = pick_items(ask, rng, words.titled, PROJECTS, 3)
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
        extra=(ART, "figure{margin:0}", FLIP, "figcaption{margin-top:12px;font-weight:700}"),
        more="Work",
        bands=draw(rng, (0.5, quote), (0.5, closing(button))),
    )
    return Draft(title, title, html, "figcaption", items, lines, _work, button)


def _work(rng: Random, text: str) -> str:
    return f'<figure><div class="art"></div><figcaption>{escape(text)}</figcaption></figure>'


def gallery(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Pictures with captions; the pictures are drawn with gradients."""
    title = ask.name or "Gallery"
    items = pick_items(ask, rng, words.titled, PROJECTS, 6)
    lines = [_work(rng, item) for item in items]
    lead = rng.choice(("Moments worth keeping.", "A small walk through our pictures.", "Light, colour and quiet."))
    main = [*hero(title, lead), '<section id="more">', '<div class="grid">', *lines, "</div>", "</section>"]
    extra = (ART, "figure{margin:0}", FLIP, "figcaption{margin-top:12px;color:var(--soft)}")
    bands = draw(rng, (0.5, quote), (0.2, visit))
    html = page(ask, chosen, title, main, blocks=("hero", "lead", "grid"), extra=extra, more="Pictures", bands=bands)
    return Draft(title, title, html, "figcaption", items, lines, _work, "")


def blog(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """An article with a few sections."""
    title = ask.name or rng.choice(("Notes from a slow week", "Why small things matter", "A letter to beginners"))
    items = pick_items(ask, rng, words.titled, BLOG_SECTIONS, 3)
    start = rng.randrange(len(PARAGRAPHS))
    lines = [
        f"<h2>{escape(item)}</h2><p>{PARAGRAPHS[(start + i) % len(PARAGRAPHS)]}</p>" for i, item in enumerate(items)
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
            ART,
            "article{max-width:40em;margin:auto;font-size:1.1em}",
            "article .art{height:320px;margin-top:-140px;box-shadow:0 16px 40px #0002}",
            "article h2{margin-top:1.4em}",
        ),
        more="Article",
        bands=draw(rng, (0.5, quote)),
    )
    return Draft(title, title, html, "main h2", items, lines, _chapter, "")


def _chapter(rng: Random, text: str) -> str:
    return f"<h2>{escape(text)}</h2><p>{rng.choice(PARAGRAPHS)}</p>"


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


def faq(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Questions that open on a click."""
    title = ask.name or "FAQ"
    heading = f"{ask.name}: questions and answers" if ask.name else "Frequently asked questions"
    items = pick_items(ask, rng, words.question, QUESTIONS, 4)
    start = rng.randrange(len(ANSWERS))
    lines = [_question(item, ANSWERS[(start + i) % len(ANSWERS)]) for i, item in enumerate(items)]
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
    return Draft(title, heading, html, "summary", items, lines, lambda r, t: _question(t, r.choice(ANSWERS)), "")


def _question(text: str, answer: str) -> str:
    return f'<details class="card"><summary>{escape(text)}</summary><p>{answer}</p></details>'


def menu(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Dishes with prices."""
    title = ask.name or "Our menu"
    items = pick_items(ask, rng, words.dish, DISHES, 5)
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


def event(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A date, a place, a programme and a ticket button."""
    title = ask.name or "You are invited"
    items = pick_items(ask, rng, words.titled, EVENT_STEPS, 3)
    hours = ("17:00", "18:00", "19:00", "20:00", "21:00", "22:00", "23:00", "24:00")
    lines = [_step(hours[i], item) for i, item in enumerate(items)]
    date = ask.facts.get("date", "Saturday, 12 June")
    place = ask.facts.get("place", "Town Hall")
    button = ask.button or rng.choice(("Get tickets", "Save my seat"))
    main = [
        *hero(title, f"{date} · {place}", button),
        '<section id="more">',
        "<h2>Programme</h2>",
        '<ul class="card steps">',
        *lines,
        "</ul>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "btn", "lead", "card"),
        extra=(
            ".steps{margin:0;list-style:none}",
            ".steps li{display:flex;gap:24px;padding:16px 0;border-bottom:1px solid var(--line)}",
            ".steps h3{margin:0}",
            ".steps b{color:var(--main)}",
        ),
        more="Programme",
        bands=draw(rng, (0.35, stats), (0.6, closing(button))),
    )
    return Draft(title, title, html, ".steps h3", items, lines, lambda r, t: _step(r.choice(hours), t), button)


def _step(hour: str, text: str) -> str:
    return f"<li><b>{hour}</b><h3>{escape(text)}</h3></li>"


def table(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A data table; the items are its columns, a count is its rows."""
    title = ask.name or "Overview"
    columns = list(ask.items) or rng.choice(
        (["Name", "City", "Score"], ["Name", "Price", "Stock"], ["Name", "Status", "Date"])
    )
    names = CELLS["name"]
    rows = []
    for index in range(ask.count or 4):
        cells = [names[index % len(names)]]
        for col in columns[1:]:
            cells.append(rng.choice(CELLS.get(col.lower(), NUMBERS)))
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = [f"<th>{escape(col)}</th>" for col in columns]
    main = [
        *hero(title, rng.choice(("All numbers at a glance.", "Up to date, every day."))),
        '<section id="more">',
        '<div class="card">',
        "<table>",
        "<tr>",
        *head,
        "</tr>",
        *rows,
        "</table>",
        "</div>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "lead", "card"),
        extra=(
            ".card{overflow-x:auto}",
            "table{width:100%;border-collapse:collapse}",
            "th,td{padding:14px;text-align:left;border-bottom:1px solid var(--line)}",
            "th{color:var(--main)}",
        ),
        more="Table",
    )
    return Draft(title, title, html, "th", columns, head, None, "")


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
            ART,
            ".split{display:grid;gap:48px;align-items:center;grid-template-columns:repeat(auto-fit,minmax(280px,1fr))}",
            ".split .art{height:420px}",
            ".price{font-size:2em;font-weight:800;color:var(--main)}",
        ),
        more="Details",
        bands=draw(rng, (0.6, stats), (0.6, quote)),
    )
    return Draft(title, title, html, "main li", items, lines, lambda r, t: f"<li>{escape(t)}</li>", button)


def dashboard(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Numbers and a bar chart."""
    title = ask.name or "Dashboard"
    heading = f"{ask.name} dashboard" if ask.name else "Good morning"
    items = pick_items(ask, rng, words.column, METRICS, 4)
    numbers = ("1,284", "342", "89%", "4.8", "17", "$9,120", "56", "2,035")
    start = rng.randrange(8)
    lines = [_metric(item, numbers[(start + i) % 8]) for i, item in enumerate(items)]
    heights = rng.choice(((40, 65, 50, 80, 60, 95, 70), (30, 45, 60, 50, 75, 85, 100), (90, 70, 80, 55, 65, 45, 60)))
    bars = "".join(f'<i style="height:{height}%"></i>' for height in heights)
    main = [
        '<section id="more">',
        f"<h1>{escape(heading)}</h1>",
        '<div class="grid">',
        *lines,
        "</div>",
        "<h2>This week</h2>",
        f'<div class="card bars" role="img" aria-label="Bar chart">{bars}</div>',
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("grid", "card"),
        extra=(
            ".grid{margin-bottom:48px}",
            ".card h3{font-size:1em;color:var(--soft)}",
            ".big{margin:0;font-size:2.2em;font-weight:800}",
            ".bars{display:flex;gap:4%;align-items:end;height:260px}",
            ".bars i{flex:1;border-radius:8px 8px 0 0;background:linear-gradient(var(--main),var(--from))}",
        ),
        more="Reports",
    )
    return Draft(title, heading, html, "main h3", items, lines, lambda r, t: _metric(t, r.choice(numbers)), "")


def _metric(text: str, number: str) -> str:
    return f'<div class="card"><h3>{escape(text)}</h3><p class="big">{number}</p></div>'


def team(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """People as cards."""
    title = ask.name or "Our team"
    heading = f"The team at {ask.name}" if ask.name else "Meet the team"
    items = pick_items(
        ask, rng, words.person, ("Anna Berg", "Omar Haddad", "Mei Tanaka", "Luca Rossi", "Nina Vega", "Ben Okafor"), 3
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
