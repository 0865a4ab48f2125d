"""The pages for people: Home and Listen.

What they say of the model comes from its card; recording and asking is the scripts' work, under `static/`.
"""

from flask import Blueprint, render_template

from sayso.web.api import AnyRecognizer
from sayso.web.settings import Settings


def blueprint(recognizer: AnyRecognizer, settings: Settings) -> Blueprint:
    """Make the pages' routes, describing a recogniser's model."""
    routes = Blueprint("pages", __name__)

    @routes.app_context_processor  # error pages have a footer too
    def model() -> dict[str, object]:
        return {"card": recognizer.card, "digest": recognizer.digest}

    @routes.get("/")
    def home() -> str:
        """Say what this is and what one can do with it."""
        return render_template("home.html")

    @routes.get("/listen")
    def listen() -> str:
        """Hear a word and show it."""
        return render_template("listen.html", settings=settings)

    return routes
