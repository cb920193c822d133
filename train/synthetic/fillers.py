"""What pages say where the prompt says nothing."""

from __future__ import annotations

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
