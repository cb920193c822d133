"""What people say around a request and the page does not show: greetings, reasons, doubts; and requests that are none.

A model that has read only prompts whose every word counts takes any other word for a name. Asides teach it to pass over
them; `nonsense` teaches it that what it cannot make out still gets a page that ends.
"""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.synthetic import names, words
from train.synthetic.marks import CLOSE, OPEN

SENTENCES = (
    """
I have never done this before.|Nothing fancy.|It is for Friday.|We open next month.|Keep it short.|My old one is a mess.
Thanks in advance!|You choose the rest.|I don't know much about computers.|It has to look good on a phone.|Surprise me.
The last designer never called back.|Money is tight, so keep it simple.|My daughter said you could help.|No rush.
People keep asking for it.|We have done this for ten years.|It's a present for a friend.|I'll add the texts later.
Our customers are mostly older people.|I need it today.|You can make up the texts.|I hate long pages.|Be creative.
I saw one at a friend's and liked it.|The whole team will look at it.|It will hang on a screen in our window.
I want to show it to my boss.|This is for school.|Please don't overdo it.|We had one but lost it.|Make it nice please.
I would do it myself but I have no time.|One page is enough.|That's all I need.|Just HTML is fine.|hope that's ok
We're a small team.|Everything else is up to you.|Our neighbours have one too.|I'm in a hurry.|It's our first.
I like calm things.|Feel free to improve it.|It's going to be printed as well.|So that people find us.|Thank you!
""".strip()
    .replace("\n", "|")
    .split("|")
)
NOTES = (
    """
nothing fancy|one page|since {year}|family business|in {place}|near {place}|no pop-ups|looks good on phones|easy to read
for friday|as soon as possible|pls|please|thanks|simple is fine|you decide the rest|not too long|big letters|est. {year}
for beginners|high quality|user friendly|fast|nice and tidy|open daily|for kids and adults|award winning|if possible
best in town|ca. {number} people|owner is {person}|with love|no stock photos|html only|single file|something special
""".strip()
    .replace("\n", "|")
    .split("|")
)
OPENINGS = (
    "Hello!", "Hi there,", "hey", "Good morning.", "hi", "Hey, quick one:", "ok so", "Hello again.", "Dear assistant,",
    "Sorry to bother you.", "yo", "Task:", "Request:", "Hi, me again.",
)  # fmt: skip
_WHO = (
    """
I|we|my sister|my brother and I|my boss|the boss|our neighbour|my wife|my husband|the kids|my daughter|my tutor|a colleague|everybody|my friend {first}
our customers|people|the old owner|my mother|the man from the bank|our accountant|{first}|somebody|nobody|half the town|my flatmate|the committee
""".strip()
    .replace("\n", "|")
    .split("|")
)
_DID = (
    """
finally saved enough money|told me to do this|said it is easy now|moved here from {place}|bought a {noun}|lost the {noun} again|keeps asking about it|never liked computers
painted the walls ourselves|worked on it for {number} months|found a {noun} in the cellar|had a long talk about it|is on holiday until {month}|wants it by {month}
spent all the money on a {noun}|tried it with a template and gave up|drank too much coffee|forgot the password|was in the newspaper once|promised to help|laughed a lot
met at a {noun} in {place}|put a sign in the window|made {number} flyers|talked about nothing else|will look at it tonight|cannot draw|started with one {noun}
bakes better than me|doesn't like change|won a prize in {year}|has a bad back|drives a van with a {noun} on it|came home late|is {number} years old|thinks I am crazy
read about it in a magazine|asked for the {number}th time|prefers phone calls|lives next door|learned it from {first}|has no idea about the internet|is very picky
""".strip()
    .replace("\n", "|")
    .split("|")
)
_TAILS = (
    " lol", " haha", ", believe it or not", " (long story)", ", you know how it is", " :)", " unfortunately", " at the moment", ", as always", " I think", ", which is fine",
    " so far", " every time", " for real", ", to be honest", " or so they say", ", sadly", " (really)", " ;)", ", don't ask", " somehow", " and so on", " I guess", " btw",
)  # fmt: skip
_BEFORE = (
    "well, ",
    "so ",
    "ok, ",
    "actually ",
    "you see, ",
    "anyway, ",
    "to be fair, ",
    "by the way, ",
    "honestly ",
    "since ",
    "and ",
    "but ",
)
INTERJECTIONS = ("lol", "haha", "thx", "pls", "!!", "...", "please", "hm", "ok?", ":)", "asap", "🙂")


def sentence(rng: Random) -> str:
    """A sentence that says nothing about the page; one in eight of made-up words."""
    roll = rng.random()
    if roll < 0.12:
        return " ".join(names.syllables(rng, rng.randint(1, 3)) for _ in range(rng.randint(2, 8))).capitalize() + "."
    if roll < 0.5:
        return rng.choice(SENTENCES)
    text = f"{rng.choice(_WHO)} {rng.choice(_DID)}"
    if rng.random() < 0.25:
        text += f"{rng.choice((', and ', ', but ', ' because ', ' so '))}{rng.choice(_WHO)} {rng.choice(_DID)}"
    if rng.random() < 0.2:
        text = rng.choice(_BEFORE) + text
    if rng.random() < 0.25:
        text += rng.choice(_TAILS)
    text = text.format(
        first=rng.choice(names.FIRST_NAMES),
        place=names.made_up(rng) if rng.random() < 0.5 else rng.choice(("the city", "the coast", "another country")),
        noun=rng.choice(names.NOUNS).lower(),
        number=rng.randrange(2, 60),
        month=rng.choice(words.MONTHS),
        year=rng.randrange(1950, 2026),
    )
    return text[0].upper() + text[1:] + rng.choice((".", ".", ".", "!", "..."))


def note(rng: Random) -> str:
    """The same as a few words without a verb."""
    return rng.choice(NOTES).format(
        year=rng.randrange(1890, 2026),
        place=names.made_up(rng),
        number=rng.randrange(10, 900),
        person=names.person(rng),
    )


def added(text: str, rng: Random) -> str:
    """`text` with an opening or an aside before or after it. Lists at its end stay at the end."""
    if rng.random() < 0.3:
        return f"{rng.choice(OPENINGS)} {text}"
    if rng.random() < 0.3 or "\n" in text:
        return f"{sentence(rng)} {text}"
    return f"{text}{'' if text[-1] in '.!?' else '.'} {sentence(rng)}"


TOPICS = "history|physics|the French Revolution|photosynthesis|my exam|the weather|football|love|taxes|volcanoes|jazz|chess|inflation|dreams|Rome".split(
    "|"
)
LETTERS = (
    "абвгдежзиклмнопрстуфхцчшыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "的一是不了人在有我他这中大来上国",
    "あいうえおかきくけこさしすせそ",
    "가나다라마바사아자차",
    "ابتثجحخدذرزسشصضطظعغ",
)
SIGNS = "🍕🔥🦄💜🎉🚀😀🐙🌵⚡😭✨📍📸💍🙏😅🌿🐶☕🎸🥐❤👋🏡📅🎂💪🌸🧁"


def decorated(text: str, rng: Random) -> str:
    """`text` with an emoji or an interjection at one to three places between words that are not marked."""
    pieces = text.split(" ")
    inside, places = 0, []
    for index, piece in enumerate(pieces):
        inside += piece.count(OPEN) - piece.count(CLOSE)
        if inside == 0 and (piece[-1:] in ".!?" or index == len(pieces) - 1):
            places.append(index)
    for index in rng.sample(places, min(len(places), rng.randint(1, 3))):
        added = "".join(rng.choices(SIGNS, k=rng.randint(1, 3))) if rng.random() < 0.6 else rng.choice(INTERJECTIONS)
        pieces[index] += (" " if rng.random() < 0.7 else "") + added
    return " ".join(pieces)


def _request(rng: Random) -> str:
    topic = rng.choice(TOPICS) if rng.random() < 0.6 else names.made_up(rng)
    return rng.choice(
        (
            f"Explain {topic} to me.",
            f"Write {rng.randrange(100, 900)} words on {topic}.",
            f"Tell me a joke about {topic}",
            f"What is {topic}?",
            f"who was {names.person(rng)}",
            f"Translate '{words.task(rng)}' into {rng.choice(('French', 'Polish', 'Hindi'))}",
            f"Summarise this: {' '.join(rng.choices(SENTENCES, k=rng.randint(2, 30)))}",
            f"How do I {words.task(rng)}?",
            f"write a poem about the {rng.choice(names.NOUNS).lower()}",
            f"why is {topic} so {rng.choice(names.ADJECTIVES).lower()}?",
            f"{rng.randrange(2, 99)} + {rng.randrange(2, 99)} = ?",
        )
    )


def _code(rng: Random) -> str:
    name, other = names.syllables(rng, 2), names.syllables(rng, 2)
    return rng.choice(
        (
            f"def {name}({other}):\n    return {other} + {rng.randrange(9)}",
            f"for ({name} = 0; {name} < {rng.randrange(9)}; {name}++) {{ {other}({name}); }}",
            f"SELECT {name} FROM {other} WHERE id = {rng.randrange(99)};",
            f'{{"{name}": [{rng.randrange(9)}, {rng.randrange(9)}], "{other}": {{"x": null}}}}',
            f"class {name.capitalize()}:\n    # todo: {words.task(rng)}\n    pass",
            f"git {name} --{other} && ./{other}.sh",
            f"<{name}><{other}>{rng.randrange(99)}</{other}></{name}>",
        )
    )


def _foreign(rng: Random) -> str:
    letters = rng.choice(LETTERS)
    return " ".join("".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(rng.randint(1, 14))) + rng.choice(
        "?.! "
    )


def _keys(rng: Random) -> str:
    keys = "asdfghjklqwertyuiopzxcvbnm,.;1234567890 "
    return "".join(rng.choices(keys, k=rng.randint(1, 60))).strip() or "x"


def _words(rng: Random) -> str:
    count = rng.choice((1, 1, 2, 5, 12, 40))
    return " ".join(
        rng.choice((names.syllables(rng, 2), rng.choice(names.NOUNS).lower(), rng.choice(names.ADJECTIVES).lower()))
        for _ in range(count)
    )


def _letter(rng: Random) -> str:
    """A long tale without a request."""
    return " ".join(sentence(rng) if rng.random() < 0.7 else _request(rng) for _ in range(rng.randint(4, 45)))


_NONSENSE: tuple[Callable[[Random], str], ...] = (
    _request, _request, _code, _foreign, _keys, _words, _words, _letter,
    lambda rng: "".join(rng.choices(SIGNS, k=rng.randint(1, 8))),
)  # fmt: skip


def nonsense(rng: Random) -> str:
    """A message that asks for no page the generator knows: a question, code, another script, keys, a tale."""
    return rng.choice(_NONSENSE)(rng)
