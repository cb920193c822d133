"""Trades and topics: what a business is, its usual colours, what it says of itself and what it offers."""

# ruff: noqa: SIM905 - word lists are read more easily as text

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from train.synthetic import names


@dataclass(frozen=True)
class Trade:
    """One trade: `name` as a prompt says it, hues it likes, sentences, offers and a call to action."""

    name: str
    hues: tuple[str, ...]
    lines: tuple[str, ...]
    offers: tuple[str, ...]
    action: str


# name | hues | two taglines | offers | call to action
_TABLE = """
bakery|orange brown|Fresh bread, baked before sunrise./Warm loaves and sweet things, every morning.|Sourdough bread,Butter croissants,Birthday cakes,Morning rolls|Order now
coffee shop|brown green|Slow coffee in a fast town./Roasted here, poured for you.|Single origin,Oat flat whites,Cosy corners,Fresh pastries|See the menu
restaurant|red gold|Good food, good people, long evenings./A table is waiting for you.|Seasonal dishes,Natural wine,Private dining,Sunday lunch|Book a table
pizzeria|red orange|Wood fire, thin crust, big smiles./Pizza the way it should be.|Wood-fired oven,Fresh mozzarella,Family tables,Take away|Order now
yoga studio|teal purple|Breathe in. Slow down. Feel strong./A calm hour in a busy week.|Morning flow,Gentle yoga,Breathing classes,Weekend retreats|Join a class
gym|red navy|Stronger every single week./Train hard, feel great.|Personal training,Group classes,Open all night,Sauna|Start today
flower shop|pink green|Fresh flowers for every feeling./Bouquets tied by hand.|Wedding flowers,Weekly bouquets,Potted plants,Same-day delivery|Send flowers
bookshop|navy brown|Good books and quiet corners./Find your next favourite story.|New arrivals,Rare editions,Reading evenings,Children's corner|Browse books
bike shop|teal orange|Ride further, worry less./Bikes built for your roads.|Repairs,City bikes,Rentals,Weekend rides|Book a repair
dentist|cyan teal|Gentle care for bright smiles./Teeth in safe hands.|Check-ups,Whitening,Children's care,Emergency visits|Book a visit
law firm|navy grey|Clear advice when it matters./We stand on your side.|Family law,Contracts,Property,Mediation|Get advice
hotel|gold navy|Sleep well, wake to the view./Your quiet place to stay.|Sea view rooms,Breakfast,Spa,Late check-out|Book a room
travel agency|cyan orange|The world is closer than you think./Trips made around you.|Island escapes,City breaks,Safari tours,Local guides|Plan a trip
photographer|grey brown|Light, kept for a lifetime./Pictures that feel like you.|Weddings,Portraits,Families,Prints|See my work
design studio|purple pink|Design that people remember./We make brands feel alive.|Brand identity,Web design,Illustration,Packaging|Start a project
architect|grey olive|Rooms that let the light in./Buildings with a quiet soul.|Homes,Renovation,Interiors,Public spaces|See projects
hair salon|pink purple|Good hair, good mood./Look like yourself, only brighter.|Cuts,Colour,Styling,Treatments|Book a chair
barber shop|navy red|Sharp cuts, straight talk./Walk in rough, walk out sharp.|Haircuts,Beard trims,Hot shaves,Kids' cuts|Book a cut
spa|teal pink|Rest is a good idea./Leave the noise at the door.|Massages,Facials,Steam bath,Day passes|Book a treatment
vet clinic|green cyan|Kind care for every paw./Because they are family.|Check-ups,Vaccines,Surgery,Night service|Book a visit
dog groomer|orange cyan|Clean coats and happy tails./Every dog leaves smiling.|Baths,Haircuts,Nail care,Puppy days|Book a wash
pet shelter|orange green|Every animal deserves a home./Meet your new best friend.|Adopt a dog,Adopt a cat,Volunteer,Donate|Adopt today
music school|purple blue|Play the music you love./From first note to first concert.|Piano,Guitar,Singing,Drums|Book a lesson
language school|blue orange|Speak with the world./New words, new friends.|Evening courses,Small groups,Online lessons,Exam practice|Start learning
kindergarten|gold green|A happy place to grow./Little steps, big adventures.|Garden play,Music time,Healthy lunch,Small groups|Visit us
software company|blue purple|Software that gets out of your way./Ship better work, faster.|Fast setup,Live reports,Open API,Friendly support|Try it free
startup|purple blue|The simple way to get more done./Big ideas need small steps.|Easy start,Team spaces,Smart alerts,Secure by design|Get started
mobile app|blue pink|Your day, in your pocket./One tap and it is done.|Works offline,Reminders,Sharing,Dark mode|Download the app
bank|navy teal|Money, made simple./Your savings in safe hands.|Savings,Home loans,Instant cards,Fair rates|Open an account
real estate agency|navy olive|Find the door that is yours./Homes you will love to come back to.|Buying,Selling,Renting,Valuation|Find a home
plumber|blue orange|Leaks fixed, fast and fair./We come when it drips.|Leak repair,Bathrooms,Heating,Night calls|Call us
electrician|gold navy|Safe power for your home./Bright ideas, well wired.|Wiring,Lighting,Charging points,Safety checks|Get a quote
cleaning service|cyan green|Come home to clean./We scrub so that you can rest.|Homes,Offices,Windows,Moving out|Get a quote
carpenter|brown olive|Wood, worked by hand./Furniture for generations.|Tables,Kitchens,Shelves,Repairs|Ask for a quote
garden centre|green olive|Grow something good./Green things for every home.|Herbs,Trees,Garden design,Seed library|Visit us
farm|olive green|From our fields to your table./Honest food, grown slowly.|Vegetable boxes,Fresh eggs,Farm visits,Wild honey|Order a box
winery|red brown|Wine with a sense of place./From old vines, with patience.|Red wines,Tastings,Cellar tours,Gift boxes|Book a tasting
brewery|gold brown|Small batches, big flavour./Beer brewed with friends.|Pale ale,Dark stout,Brewery tours,Tap room|Visit the tap room
ice cream parlour|pink cyan|Happiness, by the scoop./Churned fresh every day.|Fruit sorbets,Waffle cones,Vegan scoops,Party tubs|See flavours
toy shop|gold red|Play starts here./Toys that last longer than batteries.|Wooden toys,Board games,Puzzles,Gift wrapping|Shop toys
jewellery shop|gold grey|Small things that shine forever./Made by hand, worn for life.|Rings,Necklaces,Engraving,Repairs|See the collection
fashion brand|grey pink|Clothes that feel like you./Made to be worn, not stored.|New arrivals,Linen,Knitwear,Repairs|Shop now
charity|teal orange|Small gifts, real change./Together we can do more.|Clean water,School meals,Shelter,Volunteering|Donate
museum|navy gold|Old stories, new eyes./Come closer to history.|Exhibitions,Guided tours,Workshops,Family days|Plan a visit
podcast|purple red|Stories worth your commute./Good talk, no small talk.|New episodes,Guests,Archive,Live shows|Listen now
game studio|purple cyan|Worlds you will not want to leave./We play seriously.|Story games,Pixel art,Soundtracks,Beta tests|Play now
science club|blue green|Ask why. Then build it./Curious minds welcome.|Experiments,Star nights,Robotics,Talks|Join the club
sports club|green blue|One team, every weekend./Play for the love of it.|Football,Tennis,Junior teams,Summer camp|Join us
""".strip().splitlines()


def _parse(row: str) -> Trade:
    name, hues, lines, offers, action = row.split("|")
    return Trade(name, tuple(hues.split()), tuple(lines.split("/")), tuple(offers.split(",")), action)


TRADES: tuple[Trade, ...] = tuple(_parse(row) for row in _TABLE)

_SHAPES = "shop,studio,club,school,service,workshop,agency,festival,market,lab,centre,community,museum,rental".split(
    ","
)
_SUBJECTS = (
    "llama,kite,tea,mushroom,chess,surf,sailing,knitting,soap,candle,drone,origami,robot,honey,cactus,lighthouse,"
    "puppet,pottery,skate,vinyl,bonsai,cheese,fencing,juggling,piano,hammock,telescope,umbrella,violin,canoe,parrot,"
    "balloon,clock,perfume,tattoo,wig,kayak,goat,snail,beekeeping,quilt,comic,magic,climbing,archery,ski,dance"
).split(",")
GENERIC_HUES = ("blue", "teal", "purple", "orange", "green", "pink")
GENERIC_LINES = (
    "Made with care, for people like you.",
    "Come in and feel at home.",
    "Something good is waiting for you.",
    "Small team, big heart.",
)
GENERIC_OFFERS = ("Friendly people", "Fair prices", "Open every day", "Made with care", "Easy to reach", "Free advice")


def invented(rng: Random) -> Trade:
    """A trade outside the table, e.g. "llama club" or "vopri workshop": its name has to be copied."""
    subject = rng.choice(_SUBJECTS) if rng.random() < 0.75 else names.syllables(rng, 2)
    return Trade(f"{subject} {rng.choice(_SHAPES)}", GENERIC_HUES, GENERIC_LINES, (), "Find out more")


ROLES = (
    "photographer,designer,web developer,illustrator,architect,writer,musician,chef,teacher,data scientist,nurse,"
    "engineer,journalist,painter,film maker,product manager,carpenter,translator,accountant,florist"
).split(",")


def role(rng: Random) -> str:
    """What a person does, e.g. "photographer"; one in five is unusual."""
    if rng.random() < 0.8:
        return rng.choice(ROLES)
    makers = ("maker", "trainer", "restorer", "guide", "tester")
    return f"{rng.choice(_SUBJECTS)} {rng.choice(makers)}"
