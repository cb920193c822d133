"""The kinds of page: what people call each, what it is of, what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from train.synthetic import figures, forms, names, offers, people, stories, tools, words
from train.synthetic.draft import Ask, Draft, Look

Builder = Callable[[Ask, Look, Random], Draft]
Maker = Callable[[Random], str]


@dataclass(frozen=True)
class Kind:
    """One kind of page.

    `nouns` are what people call it; `subject` says what it is of: a "trade" (and its name), a "person", a "brand"
    (a name alone), a "work" (a title) or "none". `unit` names one item and `asked` is how often a prompt lists items.
    """

    name: str
    build: Builder
    nouns: tuple[str, ...]
    subject: str
    weight: int
    unit: tuple[str, str] = ("", "")
    make: Maker | None = None
    low: int = 2
    high: int = 4
    asked: float = 0.0
    buttons: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    """CSS selectors that a page of this kind must match."""


def _lower_field(rng: Random) -> str:
    text = words.field(rng)
    return text.lower() if rng.random() < 0.5 else text


def _ingredient(rng: Random) -> str:
    return (
        words.dish(rng) if rng.random() < 0.5 else f"{rng.choice(('two', 'three', 'fresh', 'some'))} {words.dish(rng)}"
    )


_SUBMIT = ("Send", "Submit", "Go", "Continue", "Next", "Let's go", "Send it")
# fmt: off
_LIST = (
    Kind(
        "landing", offers.landing,
        ("landing page", "landing page", "website", "home page", "homepage", "page", "web page", "site",
         "one-page site", "start page", "front page", "business page", "company website", "web presence",
         "marketing page", "promo page", "webpage", "single page website", "shop website"),
        "trade", 16, ("feature", "features"), words.feature, 2, 4, 0.4,
        ("Get started", "Join now", "Try it", "Learn more"), (".hero .btn", "h3"),
    ),
    Kind(
        "login", forms.login,
        ("login page", "login page", "login form", "log in page", "sign-in page", "login screen", "sign in form",
         "page to log in", "login", "sign-in", "members' log-in", "page where customers log in",
         "page where our staff can sign in", "account access page", "login box"),
        "brand", 6, ("field", "fields"), _lower_field, 2, 4, 0.25, ("Log in", "Enter", "Sign in", "Let me in"),
        ("form label :is(input, textarea)", "form button"),
    ),
    Kind(
        "signup", forms.signup,
        ("sign-up page", "signup page", "sign up form", "registration form", "registration page",
         "create account page", "page to sign up", "registration", "sign-up", "join page", "new account form",
         "membership form", "page where people can register", "form to become a member", "enrolment form"),
        "brand", 5, ("field", "fields"), _lower_field, 2, 5, 0.4, ("Sign up", "Join", "Create account", "Register"),
        ("form label :is(input, textarea)", "form button"),
    ),
    Kind(
        "contact", forms.contact,
        ("contact page", "contact form", "contact us page", "feedback form", "contact", "contact us",
         "page to write to us", "inquiry form", "message form", "page where people can reach us",
         "page with a contact form", "form to send us a message"),
        "trade", 6, ("field", "fields"), _lower_field, 2, 5, 0.4, _SUBMIT, ("form label", "form button"),
    ),
    Kind(
        "booking", forms.booking,
        ("booking page", "booking form", "reservation page", "appointment form", "reservation form", "booking",
         "reservation", "appointment page", "page to book a visit", "page where guests can reserve",
         "online booking", "page to make an appointment", "scheduling page"),
        "trade", 5, ("field", "fields"), _lower_field, 3, 5, 0.4, ("Book now", "Reserve", "Book it", "Confirm"),
        ("form label :is(input, textarea)", "form button"),
    ),
    Kind(
        "newsletter", forms.newsletter,
        ("newsletter page", "newsletter sign-up", "subscribe page", "mailing list page", "newsletter",
         "newsletter form", "email list sign-up", "page to subscribe to our news", "subscription form"),
        "brand", 2, ("field", "fields"), _lower_field, 2, 3, 0.15, ("Subscribe", "Sign me up", "Join"),
        ("form label :is(input, textarea)", "form button"),
    ),
    Kind(
        "about", people.about,
        ("about page", "about us page", "story page", "about us", "about", "about section page", "our story page",
         "company profile", "page that tells who we are", "page about our history", "background page"),
        "trade", 4, ("value", "values"), words.feature, 2, 4, 0.35, (), (".lead", "h3"),
    ),
    Kind(
        "portfolio", people.portfolio,
        ("portfolio", "portfolio", "portfolio page", "portfolio site", "personal site", "personal website",
         "work samples page", "page to show my work", "page with my projects", "online portfolio", "showcase",
         "page that presents my work"),
        "person", 6, ("project", "projects"), words.titled, 2, 5, 0.4, ("Hire me", "Say hello", "See my work"),
        ("figcaption",),
    ),
    Kind(
        "gallery", people.gallery,
        ("gallery", "photo gallery", "gallery page", "image gallery", "picture gallery", "photo page",
         "picture page", "photo album", "photo collection", "exhibition page", "page with pictures"),
        "work", 4, ("photo", "photos"), words.titled, 2, 6, 0.45, (), ("figcaption",),
    ),
    Kind(
        "blog", stories.blog,
        ("blog post", "blog post", "article", "blog article", "blog page", "post", "blog", "blog entry",
         "story for the blog", "essay page", "news article"),
        "work", 5, ("section", "sections"), words.titled, 2, 4, 0.4, (), ("article h2",),
    ),
    Kind(
        "pricing", offers.pricing,
        ("pricing page", "pricing page", "pricing table", "price page", "plans page", "price list", "prices",
         "pricing", "plan comparison", "page with our prices", "subscription plans", "rates page", "tariffs",
         "fee overview"),
        "brand", 6, ("plan", "plans"), words.plan, 2, 4, 0.65, ("Buy now", "Choose", "Start", "Get it"),
        (".price", "h3"),
    ),
    Kind(
        "faq", stories.faq,
        ("FAQ page", "FAQ", "faq page", "help page", "questions and answers page", "frequent questions", "q&a page",
         "FAQs", "common questions page", "help section", "page that answers questions", "questions page"),
        "brand", 4, ("question", "questions"), words.question, 2, 4, 0.35, (), ("details summary",),
    ),
    Kind(
        "menu", offers.menu,
        ("restaurant menu", "menu", "menu page", "food menu", "menu", "dinner menu", "lunch menu", "drinks menu",
         "menu card", "list of dishes", "list of our food", "page with what we serve", "food and drinks list"),
        "brand", 7, ("dish", "dishes"), words.dish, 2, 6, 0.65, (), (".menu li",),
    ),
    Kind(
        "event", figures.event,
        ("event page", "event page", "party invitation", "concert page", "conference page", "festival page",
         "event", "invitation", "invitation page", "concert announcement", "page for our party", "meetup page",
         "workshop page", "open day page", "celebration page", "birthday invitation"),
        "work", 6, ("programme item", "programme items"), words.titled, 2, 4, 0.35,
        ("Get tickets", "Join us", "RSVP", "Buy tickets"), (".steps li", ".hero .btn"),
    ),
    Kind(
        "table", figures.table,
        ("table", "data table", "table page", "page with a table", "overview table", "list as a table",
         "spreadsheet page", "table of data", "comparison table", "chart with rows and columns", "timetable"),
        "work", 5, ("column", "columns"), words.column, 2, 5, 0.7, (), ("table th", "table td"),
    ),
    Kind(
        "resume", people.resume,
        ("resume", "résumé", "CV", "resume page", "cv page", "curriculum vitae", "online CV", "my CV",
         "resume site", "job application page", "profile page"),
        "person", 4, ("skill", "skills"), words.skill, 2, 5, 0.5, (), (".tags li",),
    ),
    Kind(
        "product", offers.product,
        ("product page", "product page", "shop page", "product detail page", "product", "product presentation",
         "sales page", "page to sell it", "item page", "page with a buy button", "article page in our shop"),
        "work", 5, ("feature", "features"), words.feature, 2, 4, 0.45,
        ("Buy now", "Add to cart", "Order", "Get yours"), (".price", "button"),
    ),
    Kind(
        "dashboard", figures.dashboard,
        ("dashboard", "admin dashboard", "stats page", "analytics dashboard", "overview", "KPI page",
         "control panel", "metrics page", "report page", "numbers at a glance", "admin page", "monitoring page"),
        "brand", 4, ("number", "numbers"), words.column, 2, 5, 0.45, (), (".bars", "h3"),
    ),
    Kind(
        "team", people.team,
        ("team page", "meet the team page", "staff page", "our team", "who works here page", "about the team page",
         "people page", "crew page", "faces page", "team overview"),
        "brand", 3, ("person", "people"), names.person, 2, 4, 0.5, (), ("h3",),
    ),
    Kind(
        "recipe", stories.recipe,
        ("recipe", "recipe page", "cooking instructions", "recipe card", "how to cook it page"), "work", 3,
        ("ingredient", "ingredients"), _ingredient, 2, 5, 0.5, (), ("main ul li", "h2"),
    ),
    Kind(
        "soon", forms.soon,
        ("coming soon page", "launch page", "under construction page", "coming soon", "teaser page",
         "pre-launch page", "launching soon page", "placeholder page", "opening soon page"),
        "brand", 2, buttons=("Notify me", "Tell me", "Keep me posted"), required=(".soon form",),
    ),
    Kind(
        "notfound", forms.notfound,
        ("404 page", "404 page", "404 error page", "page not found page", "not found page", "404", "error page",
         "missing page", "page for broken links", "lost page", "dead link page", "error 404"),
        "brand", 3, buttons=("Go home", "Back home", "Take me back"), required=(".lost h1",),
    ),
    Kind(
        "counter", tools.counter,
        ("counter", "click counter", "counter app", "counter with plus and minus buttons", "tally counter",
         "page that counts clicks", "counting tool", "plus and minus counter", "up and down counter",
         "score counter"),
        "tool", 3, buttons=("Clear", "Start over", "Back to zero"), required=("output", "button[onclick]", "script"),
    ),
    Kind(
        "timer", tools.timer,
        ("stopwatch", "timer", "stopwatch app", "stop watch", "time tracker", "page that measures time", "lap timer"),
        "tool", 2, buttons=("Clear", "Start over"), required=("output", "button[onclick]", "script"),
    ),
    Kind(
        "todo", tools.todo,
        ("to-do list", "to-do list", "todo list", "todo app", "to-do app", "task list", "checklist",
         "shopping list", "list to tick things off", "things-to-do list", "reminder list", "packing list",
         "to do page"),
        "tool", 5, ("task", "tasks"), words.task, 2, 4, 0.4, ("Add", "Add task", "Save", "Plus"),
        ("#list li", "input", "script"),
    ),
    Kind(
        "tabs", tools.tabs,
        ("page with tabs", "tabs", "tabbed page", "tab component", "tab view", "tab bar with panels",
         "content in tabs", "page split into tabs", "tab panel", "tabbed interface"),
        "tool", 3, ("tab", "tabs"), words.feature, 2, 4, 0.65, (), ("[role=tab]", ".panel", "script"),
    ),
    Kind(
        "calculator", tools.calculator,
        ("calculator", "calculator", "simple calculator", "calculator app", "pocket calculator", "calc",
         "adding machine", "calculator page", "tool to add and multiply", "desktop calculator", "little calculator"),
        "tool", 4, required=("output", "#keys", "script"),
    ),
    Kind(
        "theme", tools.theme,
        ("page with a dark mode switch", "dark mode toggle", "light and dark mode switch", "theme switcher",
         "page with a dark mode button", "day and night switch", "page that can go dark", "light/dark toggle",
         "button for dark mode", "page with day and night mode", "colour mode toggle"),
        "tool", 3, buttons=("Lights off", "Dark mode", "Night mode"), required=("button[onclick]",),
    ),
)
# fmt: on
KINDS: dict[str, Kind] = {kind.name: kind for kind in _LIST}
