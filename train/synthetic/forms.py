"""Pages that ask something: login, sign-up, contact, booking, newsletter; and 404 and coming-soon notices.

Buttons validate and answer in a click handler: a sandboxed preview without `allow-forms` never fires `submit`.
"""

from __future__ import annotations

from random import Random

from train.synthetic import words
from train.synthetic.draft import Ask, Draft, Look, escape, hero, page, pick_items

TYPES = {
    "email": "email",
    "work email": "email",
    "password": "password",
    "phone": "tel",
    "date": "date",
    "birthday": "date",
    "arrival": "date",
    "departure": "date",
    "time": "time",
    "guests": "number",
    "age": "number",
    "website": "url",
    "number of people": "number",
    "budget": "number",
    "shoe size": "number",
    "order number": "number",
}
LONG = ("message", "comments", "notes", "allergies")


def field(text: str) -> str:
    """A label around its control; the label's own text is `text`."""
    key = text.lower()
    if key in LONG:
        return f'<label>{escape(text)}<textarea rows="4"></textarea></label>'
    return f'<label>{escape(text)}<input type="{TYPES.get(key, "text")}" required></label>'


def _field_maker(rng: Random, text: str) -> str:
    return field(text)


def submit(text: str, thanks: str = "Thank you!") -> str:
    """The form's button; `thanks` replaces the form once its fields are valid."""
    return (
        f"<button onclick=\"if(form.reportValidity())form.textContent='{thanks}';return false\">{escape(text)}</button>"
    )


def _form(fields: list[str], button: str, thanks: str) -> list[str]:
    return ['<form class="card">', *fields, submit(button, thanks), "</form>"]


def _stage(
    ask: Ask,
    chosen: Look,
    rng: Random,
    title: str,
    heading: str,
    lead: str,
    usual: tuple[str, ...],
    button: str,
    thanks: str,
) -> Draft:
    items = pick_items(ask, rng, words.field, usual, len(usual))
    lines = [field(item) for item in items]
    main = [
        '<section class="stage">',
        '<form class="card">',
        f"<h1>{escape(heading)}</h1>",
        f"<p>{lead}</p>",
        *lines,
        submit(button, thanks),
        "</form>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("card", "form", "text", "btn", "stage"),
        extra=(".card h1{font-size:2em}", "button{width:100%}"),
    )
    return Draft(title, heading, html, "label", items, lines, _field_maker, button)


def login(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A card with email and password."""
    heading = f"Log in to {ask.name}" if ask.name else "Welcome back"
    return _stage(
        ask,
        chosen,
        rng,
        ask.name or "Log in",
        heading,
        "Good to see you again.",
        ("Email", "Password"),
        ask.button or rng.choice(("Log in", "Sign in")),
        "Welcome back!",
    )


def signup(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A card that makes an account."""
    heading = f"Join {ask.name}" if ask.name else "Create your account"
    return _stage(
        ask,
        chosen,
        rng,
        ask.name or "Sign up",
        heading,
        "It only takes a minute.",
        ("Name", "Email", "Password"),
        ask.button or rng.choice(("Sign up", "Create account")),
        "Welcome on board!",
    )


def newsletter(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A card that asks for an address."""
    heading = f"News from {ask.name}" if ask.name else "Stay in the loop"
    return _stage(
        ask,
        chosen,
        rng,
        ask.name or "Newsletter",
        heading,
        "One short letter a month. No spam.",
        ("Email",),
        ask.button or "Subscribe",
        "You are on the list!",
    )


def _beside(
    ask: Ask,
    chosen: Look,
    rng: Random,
    title: str,
    heading: str,
    lead: str,
    usual: tuple[str, ...],
    button: str,
    notes: tuple[str, str, str],
    more: str,
) -> Draft:
    items = pick_items(ask, rng, words.field, usual, len(usual))
    lines = [field(item) for item in items]
    main = [
        *hero(heading, lead),
        '<section id="more" class="grid">',
        *_form(lines, button, "Thank you!"),
        "<div>",
        f"<h2>{notes[0]}</h2>",
        f"<p>{notes[1]}</p>",
        f"<p>{notes[2]}</p>",
        "</div>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("lead", "grid", "card", "form", "btn"),
        extra=(".hero{padding-bottom:0}", ".grid{gap:48px;align-items:start}"),
        more=more,
    )
    return Draft(title, heading, html, "label", items, lines, _field_maker, button)


def contact(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A form beside the ways to reach us."""
    heading = f"Contact {ask.name}" if ask.name else "Get in touch"
    return _beside(
        ask,
        chosen,
        rng,
        ask.name or "Contact",
        heading,
        "We read every message and answer within a day.",
        ("Name", "Email", "Message"),
        ask.button or rng.choice(("Send message", "Send")),
        ("Visit us", "12 Market Street, open Monday to Friday.", "Phone: 555 0142"),
        "Write to us",
    )


def booking(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A form for a date."""
    heading = f"Book at {ask.name}" if ask.name else "Make a booking"
    return _beside(
        ask,
        chosen,
        rng,
        ask.name or "Booking",
        heading,
        "Choose a day and we will keep your place.",
        ("Name", "Email", "Date", "Guests"),
        ask.button or rng.choice(("Book now", "Reserve")),
        ("Good to know", "You can cancel until the day before.", "Large groups: please call 555 0142."),
        "Book",
    )


def notfound(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """The page for a wrong address."""
    title = ask.name or "Page not found"
    button = ask.button or rng.choice(("Back to home", "Take me home"))
    lead = rng.choice(
        ("This page has wandered off.", "We looked everywhere, but this page is gone.", "A wrong turn, it happens.")
    )
    main = [
        '<section class="hero lost">',
        "<h1>404</h1>",
        f'<p class="lead">{lead}</p>',
        f'<a class="btn" href="#">{escape(button)}</a>',
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("hero", "btn"),
        extra=(
            ".lost{display:grid;place-content:center;justify-items:center;min-height:80vh;text-align:center}",
            ".lost h1{margin:0;font-size:clamp(7rem,24vw,15rem);line-height:1}",
            ".lead{font-size:1.3em}",
        ),
    )
    return Draft(title, "404", html, "", [], [], None, button)


def soon(ask: Ask, chosen: Look, rng: Random) -> Draft:
    """A notice that something is coming, with a date if the prompt gave one."""
    title = ask.name or "Coming soon"
    heading = f"{ask.name} is coming soon" if ask.name else title
    lead = f"We open on {ask.facts['date']}." if "date" in ask.facts else "Something good is on its way."
    button = ask.button or "Notify me"
    main = [
        '<section class="hero soon">',
        f"<h1>{escape(heading)}</h1>",
        f'<p class="lead">{lead}</p>',
        "<form>",
        field("Email"),
        submit(button, "We will write to you."),
        "</form>",
        "</section>",
    ]
    html = page(
        ask,
        chosen,
        title,
        main,
        blocks=("form", "btn", "hero", "lead"),
        extra=(".soon{display:grid;place-content:center;justify-items:center;min-height:80vh;text-align:center}",),
    )
    return Draft(title, heading, html, "", [], [], None, button)
