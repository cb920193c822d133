"""Pages of figures and hours: event, table, dashboard."""

from __future__ import annotations

from random import Random

from train.synthetic import fillers, words
from train.synthetic.bands import closing, draw, stats
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items


def event(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A date, a place, a programme and a ticket button."""
    title = ask.name or "You are invited"
    items = pick_items(ask, rng, words.titled, fillers.EVENT_STEPS, 3)
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
    firsts = fillers.CELLS["name"]
    rows = []
    for index in range(ask.count or 4):
        cells = [firsts[index % len(firsts)]]
        for col in columns[1:]:
            cells.append(rng.choice(fillers.CELLS.get(col.lower(), fillers.NUMBERS)))
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


def dashboard(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """Numbers and a bar chart."""
    title = ask.name or "Dashboard"
    heading = f"{ask.name} dashboard" if ask.name else "Good morning"
    items = pick_items(ask, rng, words.column, fillers.METRICS, 4)
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
