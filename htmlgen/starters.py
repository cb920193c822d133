"""What the welcome screen proposes. Training, tests and the README ask for the same pages."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Starter:
    """A proposal: its short name on the button, what is sent, and the icon's file under public/starters/."""

    label: str
    prompt: str
    icon: str


STARTERS = (
    Starter("Bakery", "A landing page for a bakery called Sunny Crumb, warm colours", "bakery.svg"),
    Starter("Login", "A login page for Acme with a green button", "login.svg"),
    Starter("Pricing", "A pricing page with three plans: Free, Pro and Team", "pricing.svg"),
    Starter("Menu", 'A restaurant menu for "Trattoria Lume" with bruschetta, risotto and tiramisu', "menu.svg"),
    Starter("To-do list", "A to-do list that works", "todo.svg"),
    Starter("Portfolio", "A portfolio for a photographer named Mara Lindqvist, dark", "portfolio.svg"),
)
