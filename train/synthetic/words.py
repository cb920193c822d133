"""Open-vocabulary words: dishes, features, fields, headlines, questions."""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

import re
from random import Random

from train.synthetic import names

INGREDIENTS = (
    "saffron lemon smoked roasted pickled grilled wild spicy honey ginger truffle maple garlic basil burnt crispy "
    "slow-cooked braised charred creamy toasted stuffed iced salted rosemary sesame miso chili coconut peppered fried"
).split()
DISHES = (
    (
        "pasta risotto tiramisu ramen curry tacos salad soup pizza gnocchi lasagne burger dumplings pie tart stew falafel "
        "hummus paella trout salmon lamb duck aubergine cauliflower mushrooms beetroot potatoes pancakes waffles brownie "
        "cheesecake sorbet espresso lemonade croissant bagel noodles omelette ravioli pudding bruschetta carpaccio ceviche "
        "panna cotta gazpacho focaccia polenta kebab schnitzel goulash pierogi biryani"
    )
    .replace("panna cotta", "panna_cotta")
    .split()
)
DISHES = [dish.replace("_", " ") for dish in DISHES]

THINGS = (
    "delivery support tours workshops repairs rentals parking coaching advice storage lessons tastings design planning "
    "reports backups alerts analytics insurance training catering cleaning booking payments refunds guides maps seats "
    "sessions classes projects events stories awards photos rooms tools gifts vouchers seminars exhibits concerts walks"
).split()
QUALITIES = (
    "free fast local weekly online private organic seasonal custom daily secure simple late-night family guided mobile "
    "friendly expert group senior beginner outdoor indoor handmade same-day lifetime shared smart quiet live open"
).split()

FIELDS = (
    "Name|Email|Phone|Company|Address|City|Postcode|Country|Website|Subject|Message|Age|Date|Time|Guests|Budget|"
    "Job title|First name|Last name|Shirt size|Allergies|Pet name|Nickname|Order number|Birthday|Department|Team|"
    "School|Arrival|Departure|Room type|Number of people|Comments|Notes|Referral code|Licence plate|Shoe size|"
    "Favourite colour|Username|Password"
).split("|")
COLUMNS = (
    "Name|Price|Stock|Status|City|Country|Date|Email|Score|Rank|Weight|Height|Year|Quantity|Total|Owner|Priority|"
    "Deadline|Speed|Capacity|Department|Salary|Team|Points|Wins|Distance|Duration|Rating|Size|Colour|Category|Region"
).split("|")
PERIODS = "monthly|yearly|weekly|6 months|3 months|one year|day pass|single visit|10 visits|students|seniors|per hour|half day|full day|small|medium|large".split(
    "|"
)
PLANS = "Free Basic Starter Solo Hobby Pro Plus Team Business Growth Scale Premium Studio Family Enterprise Max".split()
SKILLS = (
    "Python|SQL|Drawing|Teaching|Public speaking|Welding|Photography|Negotiation|First aid|Bookkeeping|JavaScript|"
    "Illustration|Project management|Cooking|Carpentry|Editing|Data analysis|Customer care|Research|Translation"
).split("|")
MONTHS = "January February March April May June July August September October November December".split()


def price(rng: Random, most: int) -> str:
    """An amount of money as people write it, up to `most`."""
    number = rng.randrange(2, most)
    return rng.choice(
        (f"${number}", f"${number}", f"${number}", f"€{number}", f"{number}€", f"{number} €", f"{number} euros", f"{number} EUR", f"£{number}",
         f"{number} dollars", f"{number}.50", f"${number}.90", f"€{number}.80", f"{number},50 €", f"{number} kr", f"{number}$")
    )  # fmt: skip


def same_currency(prices: int, rng: Random, most: int) -> list[str]:
    """As many different amounts, all written in one way."""
    pattern = price(rng, most)
    digits = next(part for part in re.findall(r"\d+", pattern))
    return [pattern.replace(digits, str(rng.randrange(2, most)), 1) for _ in range(prices)]


def date(rng: Random) -> str:
    """A day as people write it, with or without the time."""
    day, month = rng.randrange(1, 29), rng.choice(MONTHS)
    week = rng.choice("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
    return rng.choice(
        (f"{day} {month}", f"{day} {month}", f"{month} {day}", f"{month} {day}th", f"{day}th of {month}", f"{week} {day} {month}", f"{week}, {month} {day}",
         f"{day}.{rng.randrange(1, 13)}.", f"{day}/{rng.randrange(1, 13)}", f"{week} {rng.randrange(1, 12)}pm", f"{week} at {rng.randrange(1, 12)}",
         f"{day} {month} 20{rng.randrange(26, 40)}", f"{week} {rng.randrange(17, 23)}:{rng.choice(('00', '30'))}")
    )  # fmt: skip


def headline(rng: Random) -> str:
    """A title of four to nine words, in title or sentence case."""
    a, n = (
        (lambda: rng.choice(names.ADJECTIVES)),
        (lambda: rng.choice(names.NOUNS) if rng.random() < 0.7 else names.made_up(rng)),
    )

    def verb() -> str:
        return rng.choice("Paint Fix Draw Clean Find Build Keep Leave Grow Sell Carry Count Cook Train Trust".split())

    text = rng.choice(
        (
            lambda: f"{rng.choice(('Why', 'How'))} I {verb()} My {n()} Every {n()}",
            lambda: (
                f"{rng.randrange(3, 20)} {rng.choice(('Ways to', 'Reasons to', 'Rules When You'))} {verb()} a {a()} {n()}"
            ),
            lambda: f"How to {verb()} {rng.choice(('a', 'Your', 'the'))} {a()} {n()} in {n()} Season",
            lambda: f"A {a()} Guide to {n()} and {n()}",
            lambda: (
                f"The {n()} That {rng.choice(('Changed', 'Followed', 'Saved', 'Forgot'))} {rng.choice(('Us', 'My', 'Our'))} {n()}"
            ),
            lambda: f"{n()} Without {n()}: {a()} Notes From {n()}",
            lambda: f"Is the {n()} Still a {n()}?",
            lambda: f"My {a()} {n()}, One {n()} Later",
            lambda: f"{verb()} the {n()}, {verb()} the {n()}",
        )
    )()
    return text if rng.random() < 0.7 else text[0] + text[1:].lower()


def dish(rng: Random) -> str:
    """Something to eat or drink, lower case."""
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(DISHES)
    if roll < 0.75:
        return f"{rng.choice(INGREDIENTS)} {rng.choice(DISHES)}"
    if roll < 0.9:
        return f"{rng.choice(INGREDIENTS)} {names.syllables(rng, 2)}"
    return names.syllables(rng, 2)


def dish_name(rng: Random) -> str:
    """A dish as a recipe's title: "plum cake", "Plum Cake", "Grandma Edda's Plum Cake"."""
    text = dish(rng)
    roll = rng.random()
    if roll < 0.4:
        return text
    text = text.title().replace("'S", "'s")
    if roll < 0.6:
        return text
    first = rng.choice(names.FIRST_NAMES) if rng.random() < 0.5 else names.made_up(rng)
    whose = rng.choice(
        (
            f"{first}'s",
            f"{first}'s",
            "Grandma's",
            "Nan's",
            "My",
            "Our",
            f"Aunt {first}'s",
            f"Grandma {first}'s",
            f"Chef {first}'s",
            "The Best",
        )
    )
    return f"{whose} {rng.choice(names.ADJECTIVES) + ' ' if rng.random() < 0.25 else ''}{text}"


def feature(rng: Random) -> str:
    """A service or feature, two words as a rule, lower or sentence case."""
    roll = rng.random()
    if roll < 0.6:
        text = f"{rng.choice(QUALITIES)} {rng.choice(THINGS)}"
    elif roll < 0.75:
        text = rng.choice(THINGS)
    elif roll < 0.9:
        text = f"{rng.choice(names.NOUNS).lower()} {rng.choice(THINGS)}"
    else:
        text = f"{names.made_up(rng)} {rng.choice(THINGS)}"
    return text if rng.random() < 0.6 else text[0].upper() + text[1:]


def titled(rng: Random) -> str:
    """The title of a work, project or photo."""
    roll = rng.random()
    if roll < 0.5:
        return f"{rng.choice(names.ADJECTIVES)} {rng.choice(names.NOUNS)}"
    if roll < 0.7:
        return names.made_up(rng)
    if roll < 0.85:
        return f"{names.made_up(rng)} {rng.choice(names.NOUNS)}"
    return f"{rng.choice(names.NOUNS)} {rng.randrange(2, 40)}"


def field(rng: Random) -> str:
    """The label of a form field."""
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(FIELDS)
    if roll < 0.85:
        return f"{rng.choice(names.NOUNS)} {rng.choice(('size', 'number', 'name', 'type', 'colour'))}"
    return f"{names.made_up(rng)} {rng.choice(('number', 'code', 'level', 'name'))}"


def column(rng: Random) -> str:
    """The heading of a table's column."""
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(COLUMNS)
    return names.made_up(rng) if roll < 0.85 else rng.choice(names.NOUNS)


def plan(rng: Random) -> str:
    """The name of a pricing plan."""
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(PLANS)
    if roll < 0.62:
        return rng.choice(PERIODS)
    return names.made_up(rng) if roll < 0.8 else rng.choice(names.NOUNS)


def skill(rng: Random) -> str:
    """Something a person can do."""
    return rng.choice(SKILLS) if rng.random() < 0.6 else feature(rng)


def question(rng: Random) -> str:
    """A question for a list of frequent questions."""
    thing = rng.choice(THINGS)
    return rng.choice(
        (
            f"Do you offer {rng.choice(QUALITIES)} {thing}?",
            f"How do {thing} work?",
            f"Can I cancel my {rng.choice(names.NOUNS).lower()}?",
            f"Where is the {rng.choice(names.NOUNS).lower()}?",
            f"What is {names.made_up(rng)}?",
            f"How much are {thing}?",
        )
    )


def task(rng: Random) -> str:
    """A thing to do, for to-do lists and schedules."""
    verb = rng.choice("buy water paint call fix clean read sell order pack wash find book visit draw bake".split())
    noun = rng.choice(names.NOUNS).lower() if rng.random() < 0.7 else names.syllables(rng, 2)
    return f"{verb} {'the ' if rng.random() < 0.5 else ''}{noun}"


def distinct(rng: Random, make: object, count: int) -> list[str]:
    """`count` different strings from `make(rng)`, compared without case."""
    assert callable(make)
    found: dict[str, str] = {}
    while len(found) < count:
        text = str(make(rng))
        found.setdefault(text.lower(), text)
    return list(found.values())


def listing(parts: list[str], rng: Random) -> str:
    """ "a, b and c", with one of several joints before the last."""
    return (
        ", ".join(parts[:-1]) + (rng.choice((" and ", " and ", ", and ", ", ")) if len(parts) > 1 else "") + parts[-1]
    )
