"""Open-vocabulary words: made-up names, people, dishes, features, fields.

Most names are put together from syllables or from two unrelated words, so that a model cannot learn
them by heart and has to copy them from the prompt.
"""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

import re
from random import Random

ONSETS = (
    "b br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sk sl sm sn sp st str sv t th tr "
    "tw v w wh y z"
).split()
VOWELS = "a e i o u a e i o u ai au ea ee ei ia ie io oa oo ou ue y".split()
CODAS = (
    "b ck d f ft g l ld lf lk lm ln lt m mp n nd ng nk nt p r rd rg rk rl rm rn rt s sk st t th v x z ss ll"
).split()

ADJECTIVES = (
    "Amber Arctic Ashen Autumn Bitter Blue Bold Brass Brave Bright Broken Bronze Calm Cedar Clever Copper Coral "
    "Crimson Crooked Curious Dapper Distant Dusty Early Electric Emerald Fable Fern Fleet Floating Foggy Free "
    "Gentle Gilded Glass Golden Grand Grey Happy Hazel Hidden Hollow Honest Humble Idle Iron Ivory Jade Jolly Keen "
    "Kind Lazy Little Lone Lucky Lunar Maple Mellow Merry Mighty Misty Modern Mossy Nimble Noble Nordic Northern "
    "Oak Odd Olive Open Pale Paper Patient Pearl Pine Plain Proud Quick Quiet Rapid Raw Red River Rough Round Royal "
    "Ruby Rustic Salt Scarlet Secret Silent Silver Simple Slow Small Smoky Snowy Soft Solar Spare Steady Still Stone "
    "Stormy Sunny Sweet Swift Tall Tender Tidy Timber True Twin Urban Velvet Vivid Wandering Warm Western White Wild "
    "Winter Wise Wooden Young"
).split()

NOUNS = (
    "Acorn Anchor Anvil Apple Arrow Atlas Badger Barn Basin Bay Beacon Bear Bee Bell Birch Bird Bloom Boat Bough "
    "Branch Bridge Brook Button Cabin Candle Canyon Castle Cave Chair Clay Cliff Clock Cloud Clover Coast Comet "
    "Compass Corner Cove Crane Creek Crow Crumb Crown Dawn Deer Desk Door Dove Drum Dune Eagle Echo Ember Falcon "
    "Feather Field Finch Fjord Flame Flint Forge Fork Fox Garden Gate Glade Grove Harbor Hare Harvest Hawk Heart "
    "Hearth Hedge Heron Hill Hive Horizon House Island Ivy Juniper Kettle Key Kite Ladder Lake Lamp Lane Lantern "
    "Lark Leaf Ledge Lighthouse Lily Lion Loom Loop Lynx Magpie Market Meadow Mill Mirror Moon Moss Moth Mountain "
    "Nest Night Oar Oasis Ocean Orchard Otter Owl Parlor Path Peak Pebble Pepper Petal Pier Pigeon Pilot Pixel Plum "
    "Pocket Pond Poppy Port Quill Rabbit Raven Reef Ridge Ring Robin Root Rope Rose Sail Sand Saddle Seed Shadow "
    "Shell Shore Sky Sloth Spark Sparrow Spoon Spring Spruce Star Stork Stove Sun Swan Table Tea Thicket Thistle "
    "Thread Tide Tiger Torch Tower Trail Tree Tulip Turtle Valley Vine Violet Wagon Walnut Wave Well Whale Wheel "
    "Willow Window Wolf Wren Yard Zephyr"
).split()

FORE_NAMES = (
    "Café Cafe Bistro Hotel Bar Trattoria Pizzeria Osteria Studio Atelier Salon Villa Casa Maison Chez Taverna Cantina Camp Club Team Project "
    "Galerie Garage Farm Clinic Radio Hostel Brasserie Academy Circus Theatre Camping Gym Restaurant Bakery Boutique Praxis Captain Doctor Planet "
    "Operation Camp Little Big Mama Papa Aunt Uncle Saint Port Lake Mount Fort Villa Don Da La Le Los El"
).split()
"""Words that many names begin with and that could be a trade's or a person's."""
AFTER_NAMES = (
    "Plumbing Bank Rescue Nursery Soap Tools Bakery Clinic Fitness Yoga Consulting Coffee Roofing Law Books Brewing Dental Cycles Flowers Partners "
    "Logistics Ceramics Foundation Society Association Academy Summit Festival Report Weekly Times Cup Bash Insurance Catering Motors Optics Electric "
    "Tutoring Records Media Kitchen Grill Barbers Photography Interiors Landscaping Farms Toys Travel Gym Dance Daycare Hardware Laundry Tailors Games Analytics "
    "Software Health Pharmacy Hotel School Library Choir United FC Rovers Robotics Ventures Capital Street Trust Alliance Night Days Week Fest Run Fair"
).split()
"""Words that many names end with and that could be the page's or the trade's."""
SUFFIXES = "Co Studio Lab Labs House Works Club Collective Group Supply & Sons Bros Hub Point Place Room".split()

FIRST_NAMES = (
    "Mara Anna Lena Ingrid Sofia Noor Amina Yuki Mei Priya Elif Zoe Clara Nina Ada Freya Lucia Carmen Olga Ruth Tomas "
    "Jonas Emil Oscar Hugo Mateo Luca Omar Kofi Ravi Kenji Wei Ivan Pavel Sven Bruno Felix Theo Samuel Elias Ben Jack"
).split()
LAST_ENDS = "son sen berg qvist man ova ski etti ini ard well ton field worth ley mann stein ez ara ido".split()
LAST_NAMES = (
    "Okafor Nakamura Lindqvist Moreau Santos Novak Petrov Kowalski Haddad Rossi Becker Silva Murphy Patel Chen Kim "
    "Nguyen Andersen Dubois Costa Weber Keller Ortiz Vega Khan Ali Sato Laine Virtanen Horvath"
).split()

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
PLACES = "Hall Square Park Library Theatre Arena Gardens Dock Museum Pavilion Warehouse Rooftop".split()
MONTHS = "January February March April May June July August September October November December".split()


def syllables(rng: Random, count: int) -> str:
    """A made-up lower-case word of `count` syllables, 3 to 14 letters."""
    parts = []
    for index in range(count):
        parts.append(rng.choice(ONSETS) + rng.choice(VOWELS))
        if index == count - 1 and rng.random() < 0.7:
            parts.append(rng.choice(CODAS))
    return "".join(parts)[:14]


def made_up(rng: Random) -> str:
    """A capitalised made-up word of two or three syllables."""
    return syllables(rng, 2 if rng.random() < 0.65 else 3).capitalize()


def brand(rng: Random) -> str:
    """The name of a business or project; nine in ten hold a made-up word or an unlikely pair of words."""
    roll = rng.random()
    if roll < 0.18:
        return odd_name(rng)
    if roll < 0.25:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if roll < 0.32:
        return trade_name(rng)
    if roll < 0.48:
        return made_up(rng)
    if roll < 0.62:
        return f"{made_up(rng)} {rng.choice(NOUNS)}"
    if roll < 0.68:
        return f"{rng.choice(NOUNS)} {made_up(rng)}"
    if roll < 0.74:
        return f"{made_up(rng)} {made_up(rng)}"
    if roll < 0.80:
        return f"{made_up(rng)} {rng.choice(SUFFIXES[:8])}"
    if roll < 0.84:
        return f"{rng.choice(FIRST_NAMES)}'s {rng.choice(NOUNS)}"
    if roll < 0.88:
        joint = "&" if rng.random() < 0.5 else "and"
        return f"{rng.choice(NOUNS)} {joint} {made_up(rng) if rng.random() < 0.5 else rng.choice(NOUNS)}"
    if roll < 0.92:
        return f"The {rng.choice(ADJECTIVES)} {made_up(rng) if rng.random() < 0.4 else rng.choice(NOUNS)}"
    if roll < 0.96:
        return rng.choice(ADJECTIVES) + rng.choice(NOUNS).lower() if rng.random() < 0.5 else rng.choice(NOUNS)
    return odd_name(rng)


def trade_name(rng: Random) -> str:
    """A name with a word in it that tells a trade or a sort of place: "Trattoria Lume", "Pellworth Plumbing"."""
    one = rng.choice(
        (
            made_up(rng),
            made_up(rng),
            rng.choice(LAST_NAMES),
            person(rng),
            f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
        )
    )
    roll = rng.random()
    if roll < 0.4:
        return f"{rng.choice(FORE_NAMES)} {one}"
    if roll < 0.9:
        return f"{one} {rng.choice(AFTER_NAMES)}"
    return (
        f"{one} {rng.choice(AFTER_NAMES)} {rng.choice(('Co.', 'Co', 'Ltd', 'GmbH', 'Inc.', 'LLC', '& Sons', 'Group'))}"
    )


def odd_name(rng: Random) -> str:
    """A name that is no two tidy words: initials, hyphens, capitals inside, figures, an apostrophe, or all lower case."""
    one, two = made_up(rng), made_up(rng)
    return rng.choice(
        (
            lambda: f"{one} {rng.randrange(2, 99)}",
            lambda: one + rng.choice(NOUNS),
            lambda: one.upper(),
            lambda: "".join(rng.choices("BCDFGHKLMNPRSTVWXZ", k=rng.randint(2, 4))),
            lambda: f"{rng.choice('ABCDEFGHKLMR')}{rng.randrange(1, 9)} {rng.choice(NOUNS)}s",
            lambda: f"{one}-{two}",
            lambda: f"{one}-{rng.choice(('on', 'by', 'under'))}-{rng.choice(NOUNS)}",
            lambda: f"{rng.choice(('O', 'D', 'L'))}'{one}",
            lambda: f"{one} & {rng.choice(('Sons', 'Daughters', 'Friends', 'Partners', one, two))}",
            lambda: f"{rng.choice(('House', 'Friends', 'School', 'Heart', 'Bank'))} of {one}",
            lambda: f"{rng.choice(('Dr.', 'Mr.', 'Mrs.', 'St.', 'Chez', 'La', 'Villa', 'Casa', 'Café'))} {one}",
            lambda: f"{one} {rng.choice(PLACES)} {rng.choice(NOUNS)}s",
            lambda: f"{one} {two} {rng.choice(NOUNS)}",
            lambda: f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {one}",
            lambda: f"{syllables(rng, 2)} {rng.choice(NOUNS).lower()}",
            lambda: (
                f"{rng.choice(('not', 'just', 'only', 'my', 'our'))} {rng.choice(('a', 'the', 'one'))} {rng.choice(NOUNS).lower()}"
            ),
            lambda: f"{rng.choice(NOUNS)}, {rng.choice(NOUNS)} & {one}",
            lambda: f"{one}.{rng.choice(('io', 'app', 'co', 'net'))}",
            lambda: accented(f"{one} {rng.choice((two, rng.choice(NOUNS), rng.choice(SUFFIXES[:8])))}", rng),
            lambda: accented(one, rng),
            lambda: phrase(rng),
            lambda: phrase(rng),
            lambda: phrase(rng).lower(),
            lambda: f"{rng.choice(NOUNS)} {rng.choice(('No.', 'Nr.', 'Mk', 'v', '#'))} {rng.randrange(1, 12)}",
            lambda: f"{one} {rng.choice(('24/7', '2.0', '3000', '360', '4u', 'XL', 'II', '1st', '100%'))}",
            lambda: f"{rng.choice(FIRST_NAMES)}'s {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
            lambda: f"{one.lower()}-{rng.choice(('io', 'hq', 'app', 'lab', two.lower()))}",
            lambda: f"{one}{rng.choice(('ly', 'ify', 'r', 'io', 'Base', 'Flow', 'Desk', 'Kit', 'Hub'))}",
        )
    )()


_ACCENTS = {
    "a": "áàâäãåąă", "c": "çćč", "d": "ďđ", "e": "éèêëęě", "g": "ğ", "i": "íìîï", "l": "ł", "n": "ñńň", "o": "óòôöõøő", "r": "ř",
    "s": "śšş", "t": "ťţ", "u": "úùûüůű", "y": "ýÿ", "z": "źżž",
}  # fmt: skip
_SMALL = "of the on in my and with for at under without by no to from after".split()
_COMMON = (
    "two three dads wheels plan mic bread dog cat coffee years day night long short slow hungry proper little big old new good bad very late "
    "home street music sleep friends kids summer winter monday sunday salt sugar paper lost found almost never always maybe again more less "
    "people something nothing club show notes diary kitchen garden road train river letters stories baker welder doctor captain queen"
).split()


def accented(text: str, rng: Random) -> str:
    """`text` with one to three of its letters accented, as in most languages."""
    places = [at for at, letter in enumerate(text) if letter in _ACCENTS]
    letters = list(text)
    for at in rng.sample(places, min(len(places), rng.randint(1, 3))):
        letters[at] = rng.choice(_ACCENTS[letters[at]])
    return "".join(letters)


def phrase(rng: Random) -> str:
    """A name of two to five words that make no sense together: "Two Wheels No Plan"."""
    found = []
    for at in range(rng.choice((2, 3, 3, 4, 4, 5))):
        roll = rng.random()
        if at and roll < 0.3:
            found.append(rng.choice(_SMALL))
        elif roll < 0.75:
            found.append(rng.choice(_COMMON).capitalize())
        else:
            found.append(rng.choice(NOUNS) if roll < 0.9 else made_up(rng))
    found[-1] = rng.choice(_COMMON).capitalize() if found[-1] in _SMALL else found[-1]
    return " ".join(found if rng.random() < 0.5 else [word.capitalize() for word in found])


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
    a, n = (lambda: rng.choice(ADJECTIVES)), (lambda: rng.choice(NOUNS) if rng.random() < 0.7 else made_up(rng))

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


def person(rng: Random) -> str:
    """A first and a last name, often made up."""
    first = rng.choice(FIRST_NAMES) if rng.random() < 0.6 else made_up(rng)
    roll = rng.random()
    if roll < 0.35:
        last = rng.choice(LAST_NAMES)
    elif roll < 0.7:
        last = (syllables(rng, 1) + rng.choice(LAST_ENDS)).capitalize()
    else:
        last = made_up(rng)
    roll = rng.random()
    if roll < 0.08:
        last = f"{made_up(rng)}{rng.choice(('-', ' ', ' ', ' de ', ' van '))}{last}"
    name = f"{first} {last}"
    return accented(name, rng) if roll > 0.86 else name


def dish(rng: Random) -> str:
    """Something to eat or drink, lower case."""
    roll = rng.random()
    if roll < 0.35:
        return rng.choice(DISHES)
    if roll < 0.75:
        return f"{rng.choice(INGREDIENTS)} {rng.choice(DISHES)}"
    if roll < 0.9:
        return f"{rng.choice(INGREDIENTS)} {syllables(rng, 2)}"
    return syllables(rng, 2)


def dish_name(rng: Random) -> str:
    """A dish as a recipe's title: "plum cake", "Plum Cake", "Grandma Edda's Plum Cake"."""
    text = dish(rng)
    roll = rng.random()
    if roll < 0.4:
        return text
    text = text.title().replace("'S", "'s")
    if roll < 0.6:
        return text
    first = rng.choice(FIRST_NAMES) if rng.random() < 0.5 else made_up(rng)
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
    return f"{whose} {rng.choice(ADJECTIVES) + ' ' if rng.random() < 0.25 else ''}{text}"


def feature(rng: Random) -> str:
    """A service or feature, two words as a rule, lower or sentence case."""
    roll = rng.random()
    if roll < 0.6:
        text = f"{rng.choice(QUALITIES)} {rng.choice(THINGS)}"
    elif roll < 0.75:
        text = rng.choice(THINGS)
    elif roll < 0.9:
        text = f"{rng.choice(NOUNS).lower()} {rng.choice(THINGS)}"
    else:
        text = f"{made_up(rng)} {rng.choice(THINGS)}"
    return text if rng.random() < 0.6 else text[0].upper() + text[1:]


def titled(rng: Random) -> str:
    """The title of a work, project or photo."""
    roll = rng.random()
    if roll < 0.5:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"
    if roll < 0.7:
        return made_up(rng)
    if roll < 0.85:
        return f"{made_up(rng)} {rng.choice(NOUNS)}"
    return f"{rng.choice(NOUNS)} {rng.randrange(2, 40)}"


def field(rng: Random) -> str:
    """The label of a form field."""
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(FIELDS)
    if roll < 0.85:
        return f"{rng.choice(NOUNS)} {rng.choice(('size', 'number', 'name', 'type', 'colour'))}"
    return f"{made_up(rng)} {rng.choice(('number', 'code', 'level', 'name'))}"


def column(rng: Random) -> str:
    """The heading of a table's column."""
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(COLUMNS)
    return made_up(rng) if roll < 0.85 else rng.choice(NOUNS)


def plan(rng: Random) -> str:
    """The name of a pricing plan."""
    roll = rng.random()
    if roll < 0.5:
        return rng.choice(PLANS)
    if roll < 0.62:
        return rng.choice(PERIODS)
    return made_up(rng) if roll < 0.8 else rng.choice(NOUNS)


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
            f"Can I cancel my {rng.choice(NOUNS).lower()}?",
            f"Where is the {rng.choice(NOUNS).lower()}?",
            f"What is {made_up(rng)}?",
            f"How much are {thing}?",
        )
    )


def task(rng: Random) -> str:
    """A thing to do, for to-do lists and schedules."""
    verb = rng.choice("buy water paint call fix clean read sell order pack wash find book visit draw bake".split())
    noun = rng.choice(NOUNS).lower() if rng.random() < 0.7 else syllables(rng, 2)
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
