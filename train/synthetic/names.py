"""Open-vocabulary names: made-up ones, brands, people.

Most are put together from syllables or from two unrelated words, so that a model cannot learn
them by heart and has to copy them from the prompt.
"""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

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
PLACES = "Hall Square Park Library Theatre Arena Gardens Dock Museum Pavilion Warehouse Rooftop".split()


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
