"""Pages told by what they are for, by people who don't say "landing page": "something where guests can pick a day".

Each kind has who uses it and what they do there, what it shows, what makes people ask for it, and parts that the page
has anyway or does without, which are named in passing.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from train.synthetic import names, words


@dataclass(frozen=True)
class Purpose:
    """What one kind of page is for. `does` follows "people can", `shows` follows "a page with"."""

    who: tuple[str, ...] = ("people", "visitors", "customers")
    does: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    occasions: tuple[str, ...] = ()
    """Sentences that come before the request; gaps are filled by `occasion`."""
    extras: tuple[str, ...] = ()
    """Parts that are named and need no place of their own."""


def _purpose(who: str = "", does: str = "", shows: str = "", occasions: str = "", extras: str = "") -> Purpose:
    def parts(text: str) -> tuple[str, ...]:
        return tuple(part for part in (piece.strip() for piece in text.replace("\n", "|").split("|")) if part)

    return Purpose(parts(who) or Purpose.who, parts(does), parts(shows), parts(occasions), parts(extras))


PURPOSES: dict[str, Purpose] = {
    "landing": _purpose(
        shows="what we do|what we offer|our services|everything about us",
        does="find out what we do|see what we offer|find us online",
        occasions="""We are finally open.|We have no website yet.|Nobody finds us on the internet.|I just started my own business.|We opened {ago}.
            Our old site looks like {year}.|I need to be online by {day}.|A friend and I are starting something new.|People ask if we have a website.""",
        extras="a hero section|a call to action|a short intro|testimonials|a footer|big pictures|our opening hours|a map|social media links|a contact section|a nice header",
    ),
    "login": _purpose(
        who="users|people|members|staff|our team|employees|customers|students",
        does="log in|sign in|enter their password|get into their account|log into the app|sign in with email and password",
        occasions="Our members have accounts already.|Only staff may get in.|We built an internal tool.|The app needs a front door.",
        extras="remember me|a remember me checkbox|a forgot password link|email and password|a show password icon|an error message|two fields and a button",
    ),
    "signup": _purpose(
        who="users|people|new members|members|new users|parents|students|volunteers|players",
        does="register|sign up|create an account|make an account|open an account|join us online|become a member|enroll",
        occasions="Our club gets bigger.|We need more members.|The paper forms get lost all the time.|Registration starts {day}.",
        extras="a terms checkbox|password twice|a link for those who have an account|form validation|a strong password hint|a submit button",
    ),
    "contact": _purpose(
        who="people|customers|clients|visitors|neighbours|readers",
        does="write to us|send us a message|get in touch|contact us|ask us something|reach us|leave a message|send me an email",
        occasions="Customers never find our number.|I get no messages from my site.|People want to write to us.|Our mail address is hard to remember.",
        extras="a message box|our address|opening hours|a map|a phone number|a send button|a thank you message",
    ),
    "booking": _purpose(
        who="guests|customers|clients|patients|people|visitors|parents|families",
        does="book an appointment|choose a day and a time|pick a date|reserve a table|make a reservation|book a visit|choose the day and the hour|book online|reserve a room|book a lesson|take a slot|arrange a visit",
        occasions="The phone rings all day.|Guests call when we cook.|We miss half of the calls.|I write the appointments in a notebook.|It is always full on {day}.",
        extras="date and time|number of people|a calendar|a confirm button|a note for wishes|a time picker",
    ),
    "newsletter": _purpose(
        who="readers|people|fans|subscribers|customers",
        does="subscribe to our newsletter|leave their email for news|get our emails|sign up for our weekly letter|join the mailing list|hear from us every month",
        occasions="I write a letter every {day}.|I send out news once a month.|We want to tell people what is new.",
        extras="one email field|an unsubscribe hint|no spam promise|a single field|inline validation|a thank you note",
    ),
    "about": _purpose(
        shows="our story|our history and what we believe in|who we are|how it all began|our values|the story behind us|where we come from|what we stand for",
        does="read our story|learn who we are|get to know us",
        occasions="Customers ask who we are.|We are in the third generation.|My grandfather founded it in {year}.|We started in a garage.|It all began in {year}.",
        extras="a little history|a timeline|our mission|a photo of us|what we believe in|the founders",
    ),
    "portfolio": _purpose(
        who="clients|people|agencies|galleries|employers",
        shows="my work|my projects|my best work|things I made|my drawings and projects|my designs|a selection of my work",
        does="see my work|look at my projects|hire me|see what I made",
        occasions="I look for clients.|I finished my studies.|I freelance since {year}.|An agency asked for my work.|My tutor says I need one.",
        extras="a short bio|email at the bottom|a few projects|a photo of me|links to my work|a contact link|thumbnails",
    ),
    "gallery": _purpose(
        who="people|visitors|friends|the family|guests",
        shows="photos|our photos|pictures of our trip|holiday pictures|wedding photos|my paintings|a grid of pictures|pictures from the {noun}|photos of my garden|lots of pictures",
        does="look through our photos|see the pictures|look at my photos",
        occasions="We came back from our trip {ago}.|I took hundreds of pictures.|I take photos as a hobby.|We had an exhibition.|The wedding was {ago}.",
        extras="a grid|captions|big pictures|small captions|lots of white space|pictures side by side",
    ),
    "blog": _purpose(
        who="readers|people|friends",
        shows="my thoughts|an article|a story I wrote|something I wrote|my travel notes|a text about the {noun}",
        does="read my article|read what I wrote|follow my travels",
        occasions="I started writing {ago}.|I want to share what I learned.|I write about what I see.|My friends like my stories.",
        extras="the date|an intro|a few headings|the author|reading time|paragraphs|a quote",
    ),
    "pricing": _purpose(
        who="customers|clients|people|members",
        shows="our prices|what it costs|our plans|our rates|the plans and prices|what we charge|the cost of membership|different packages",
        does="see what it costs|compare our plans|choose a plan|find our prices",
        occasions="Everybody asks what it costs.|We changed our prices {ago}.|We sell subscriptions now.|The board wants to see the plans.",
        extras="highlight the middle one|monthly prices|a buy button|a list of features each|one recommended plan|price per month|side by side",
    ),
    "faq": _purpose(
        who="customers|people|guests|users|parents|visitors",
        shows="questions and answers|the questions everybody asks|answers to common questions|help for customers|the usual questions",
        does="find answers|click a question and the answer opens|look up the usual questions|read answers without calling us",
        occasions="We answer the same questions every day.|Our inbox is full of the same questions.|Support is tired.|People always ask the same.",
        extras="questions that open when clicked|an accordion|answers hidden at first|a contact link at the end|short answers",
    ),
    "menu": _purpose(
        who="guests|customers|people",
        shows="our dishes|what we cook|our food and drinks|the food we serve|dishes and prices|what is on the menu|our drinks|what we sell at the stand",
        does="see what we cook|read our menu|look at the dishes|choose their food|see what there is to eat",
        occasions="We cook every day.|Our paper menus are worn out.|Guests scan a code at the table.|We have a new cook since {day}.|The food is great, the menu is ugly.",
        extras="prices|with prices|short descriptions|vegetarian marks|starters and mains|the currency|allergens",
    ),
    "event": _purpose(
        who="guests|people|friends|everybody|neighbours|families",
        shows="all about our party|date and place|the programme|when and where it is|the schedule of the day|details of our wedding|our concert|speakers and schedule",
        does="see when and where it is|find the programme|say if they come|RSVP|get tickets",
        occasions="""My {relative} turns {age} in {month}.|We are getting married in {month}!|We throw a party.|The whole street celebrates.|We play live on {day}.
            Our school has an open day.|There will be cake.|Family comes from everywhere.|We meet every {day}.""",
        extras="date and place|a schedule|an rsvp button|the venue|how to get there|the dress code|a list of speakers|tickets",
    ),
    "table": _purpose(
        who="colleagues|people|the team",
        shows="rows and columns|our numbers|the results|a list of what we have in stock|figures by region|sales by quarter|who does what|the league standings",
        does="compare the numbers|look up the figures|see it all in rows and columns",
        occasions="It is in a spreadsheet now.|I have to print it.|My boss likes rows and columns.|The season is over.|I collect numbers.",
        extras="a header row|clean lines|easy to print|right-aligned numbers|zebra rows|a caption|a total",
    ),
    "resume": _purpose(
        who="employers|the boss|companies|recruiters",
        shows="my experience and skills|my education and work|my career|my jobs so far|my skills and experience",
        does="read about my experience|see what I can do",
        occasions="I look for a job.|I am applying for a new job.|I want to change jobs.|I have worked for {number} years.|I lost my job {ago}.",
        extras="experience|education|languages|work history|{number} years of experience|one page|certificates|a short profile|hobbies|contact details",
    ),
    "product": _purpose(
        who="customers|people|shoppers",
        shows="our new product|the thing we sell|what it can do and what it costs|a {noun} we make by hand|the {noun} we sell",
        does="buy it|order one|add it to the cart|read about it and buy it",
        occasions="We make it by hand.|It sells well at markets.|We sell only one thing.|It took us {number} years to get it right.|We begin to sell online.",
        extras="add to cart|a few specs|one or two reviews|a big photo|the size and weight|a buy button|a short description|delivery info|a price",
    ),
    "dashboard": _purpose(
        who="the team|managers|the boss|I|we|my staff",
        shows="our sales|how we are doing|the most important figures|charts and numbers|KPIs|today's figures|statistics",
        does="see how we are doing|watch the numbers|check the figures at a glance|see the stats of the day",
        occasions="I look at five spreadsheets each morning.|We measure everything.|The numbers come from the shops.|Management wants figures.",
        extras="KPI cards|a bar chart|recent orders|cards across the top|a chart|alerts|trends",
    ),
    "team": _purpose(
        who="people|clients|parents|patients|visitors",
        shows="everybody who works here|our people|who works at our place|the whole team with photo and name|our staff|the faces behind it|all of us",
        does="see who works here|get to know the team|put faces to names|meet our people",
        occasions="Patients want to know who treats them.|Two new people started {ago}.|We are {number} people.|We took new photos.",
        extras="names and jobs|a photo each|what they do|round photos|a short line each|job titles",
    ),
    "recipe": _purpose(
        who="people|friends|my family",
        shows="a recipe|how to make it|ingredients and steps|what you need and what to do|my {relative}'s recipe|how I cook it",
        does="cook it at home|see how to make it|follow the steps",
        occasions="My {relative} made it every {day}.|Everybody wants to know how I make it.|It was handed down.|I cook it for {number} people.",
        extras="ingredients and steps|cooking time|how many it serves|numbered steps|tips|a picture",
    ),
    "soon": _purpose(
        who="people|fans|visitors|customers",
        shows="that we are on our way|something is coming|that we open soon|that the site is not ready yet|a countdown to launch",
        does="leave an email until we open|hear when we launch|see that something is coming",
        occasions="We launch in {month}.|The site is not ready.|We are still building.|It opens in {month}.|The record is not out yet.|Nothing to show yet.",
        extras="a countdown|somewhere to leave an email|an email field|social links|a short teaser",
    ),
    "notfound": _purpose(
        who="people|visitors|users",
        shows="that the page does not exist|a friendly error|a joke when a link is broken|an error for lost visitors",
        does="see when a link is broken|find the way back home|get back when they are lost",
        occasions="Some of our links are broken.|The standard error page is ugly.|We moved pages around.",
        extras="a joke|a way back home|a lost {noun} maybe|a button to the start|big numbers|funny",
    ),
    "counter": _purpose(
        who="I|we|people|kids",
        does="count things|count clicks|press plus and minus|count how many people come in|count up and down|keep score",
        shows="a number with plus and minus|a number that goes up and down|a big number and two buttons",
        occasions="I count {noun}s.|I count people at the door.|I lose count all the time.|We keep score by hand.",
        extras="a reset button|big numbers|plus and minus|big buttons|three buttons",
    ),
    "timer": _purpose(
        who="I|we|people|runners|kids",
        does="measure time|stop the time|start, pause and reset a clock|time my runs|time the kids",
        shows="a running clock with start and stop|seconds that count|a clock I can start and stop",
        occasions="I run on {day}s.|We time our experiments.|I burn my eggs.|I study in blocks.",
        extras="start and stop|start pause reset|big digits|25 min|minutes and seconds|a start button|lap times",
    ),
    "todo": _purpose(
        who="I|we|people|my family",
        does="type in what I have to do|tick things off|write down tasks and delete them|add things and check them off|keep a list of things|note what to buy",
        shows="things I have to do|tasks I can tick off|a list where I type things in|everything I must not forget",
        occasions="I forget everything.|I keep forgetting things.|We move house in {month}.|So much to do.|My desk is full of notes.",
        extras="tick it off|delete it|checkboxes|an add button|strike through when done|type and press enter",
    ),
    "tabs": _purpose(
        who="people|users",
        does="switch between panels|click through the tabs",
        shows="content in tabs|panels you can switch|sections that switch on click",
        occasions="There is too much text for one page.|The page is too long.",
        extras="arrow key support|ARIA roles|the first one open|vanilla JS|keyboard support|panels",
    ),
    "calculator": _purpose(
        who="I|kids|people|my daughter|my son|students",
        does="do sums|add and multiply|calculate things|work out numbers|do maths",
        shows="a calculator with big buttons|keys and a display|plus minus times divide",
        occasions="My {relative} learns sums.|My phone is broken.|I do the books on {day}s.|We learn to add at school.",
        extras="big buttons|plus, minus, times, divide|a clear key|a display|all four operations|a grid of keys",
    ),
    "theme": _purpose(
        who="people|users|readers|I",
        does="switch between dark and light|change to dark mode|turn the lights off|flip the page to dark",
        shows="a dark mode switch|a button for dark and light|a switch for day and night|a light and a dark look",
        occasions="My eyes hurt at night.|I read at night.|Some like it dark.",
        extras="a toggle|a sun and moon button|a smooth change|a button at the top|a switch",
    ),
}
RELATIVES = "grandad grandma nan mum dad sister brother aunt uncle son daughter cousin wife husband boss".split()  # noqa: SIM905
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
PLACES = (
    "page",
    "page",
    "page",
    "page",
    "web page",
    "website",
    "site",
    "simple page",
    "html page",
    "little page",
    "place",
)
GENERAL = tuple(
    """mobile-first|no frameworks|semantic HTML|vanilla JS|works on phones|easy to read|good contrast|smooth animations|large text|rounded corners|nice fonts
    icons|a favicon|no pop-ups|loads fast|print friendly|keyboard friendly|accessible|plain CSS|subtle shadows|a clean layout|lots of white space|a gradient
    hover effects|responsive|works without JavaScript|no external files|inline CSS|everything in one file|not too much text"""
    .replace("\n    ", "|")
    .split("|")
)  # fmt: skip


def circumstances(rng: Random) -> dict[str, object]:
    """What fills gaps in things told beside the point: names of people, days, numbers."""
    return {
        "relative": rng.choice(RELATIVES),
        "first": rng.choice(names.FIRST_NAMES),
        "age": rng.choice((18, 21, 30, 40, 50, 60, 65, 70, 80, 90, 100)),
        "month": rng.choice(words.MONTHS),
        "day": rng.choice(DAYS),
        "year": rng.randrange(1890, 2026),
        "number": rng.randrange(2, 40),
        "ago": rng.choice(
            ("last week", "last year", "a month ago", "two years ago", "yesterday", "in spring", "this summer")
        ),
        "noun": (rng.choice(names.NOUNS) if rng.random() < 0.7 else names.made_up(rng)).lower(),
    }


def filled(text: str, rng: Random) -> str:
    """A phrase with its gaps filled."""
    return text.format_map(circumstances(rng)) if "{" in text else text


def noun(kind: str, rng: Random) -> str:
    """What is wanted, told by its use, without an article: "page where guests can book a visit"."""
    purpose, place = PURPOSES[kind], rng.choice(PLACES)
    if purpose.does and (not purpose.shows or rng.random() < 0.5):
        who, does = rng.choice(purpose.who), rng.choice(purpose.does)
        text = rng.choice(
            (
                f"{place} where {who} can {does}", f"{place} where {who} can {does}", f"{place} so {who} can {does}",
                f"{place} so that {who} can {does}", f"{place} to {does}", f"{place} for people to {does}",
                f"{place} that lets you {does}", f"{place} on which {who} can {does}", f"{place} where you {does}",
            )
        )  # fmt: skip
    else:
        shows = rng.choice(purpose.shows)
        joints = ["with", "with", "for", "showing", "that shows", "to show", "for", "about", "where you see"]
        if shows.startswith(("that ", "how ", "what ", "who ", "where ", "when ", "something ")):
            joints = ["that says", "which tells", "to tell people", "showing", "that explains"]
        text = f"{place} {rng.choice(joints)} {shows}"
    return filled(text, rng)


def wish(kind: str, rng: Random) -> str:
    """A sentence, without its full stop, that asks for the page by what it is for."""
    purpose = PURPOSES[kind]
    if purpose.does and (not purpose.shows or rng.random() < 0.6):
        who, does = rng.choice(purpose.who), rng.choice(purpose.does)
        others = who if who not in ("I", "we") else "people"
        text = rng.choice(
            (
                f"I want {others} to {does}", f"{others} should be able to {does}", f"{who} need to {does}",
                f"I want that {who} can {does}", f"we want {others} to be able to {does}", f"{who} should {does} there",
                f"can you make it so {who} can {does}", f"I need {others} to be able to {does}", f"let {others} {does}",
                f"please help so that {who} can {does}", f"{others} must be able to {does} on it", f"{who} want to {does}",
                f"I need something where {who} can {does}", f"it is so {who} can {does}", f"{who} can {does} on this page",
            )
        )  # fmt: skip
    else:
        shows = rng.choice(purpose.shows)
        text = rng.choice(
            (
                f"I want to show {shows}", f"put {shows} on a page", f"I need {shows} on one page", f"we want to show {shows}",
                f"it should show {shows}", f"can you do something with {shows}", f"make something that shows {shows}",
                f"show {shows}", f"could you put {shows} on the web", f"just {shows}", f"{shows}, on a page", f"I'd like to share {shows}",
                f"people should see {shows}", f"can you put {shows} online",
            )
        )  # fmt: skip
    return filled(text, rng)


def occasion(kind: str, rng: Random) -> str:
    """A sentence on why the page is wanted."""
    return filled(rng.choice(PURPOSES[kind].occasions), rng)


def extras(kind: str, rng: Random) -> list[str]:
    """One to four parts and properties that are named in passing."""
    count = rng.choice((1, 1, 2, 2, 3, 4))
    own = PURPOSES[kind].extras
    chosen = dict.fromkeys(filled(rng.choice(own if rng.random() < 0.7 else GENERAL), rng) for _ in range(count))
    return list(chosen)
