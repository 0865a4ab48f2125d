"""The pages for people: Home, Listen, Teach and Play.

What they say of the model comes from its card; recording and asking is the scripts' work, under `static/`.
"""

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from sayso.errors import ModelError
from sayso.web.models import ModelStore
from sayso.web.settings import Settings


def blueprint(store: ModelStore, settings: Settings) -> Blueprint:
    """Make the pages' routes, describing the default model."""
    routes = Blueprint("pages", __name__)

    @routes.app_context_processor  # error pages have a footer too
    def model() -> dict[str, object]:
        try:
            card, digest = store.known()
        except ModelError:  # an error page tells of it
            return {"card": None, "digest": "", "model_name": store.default}
        return {"card": card, "digest": digest, "model_name": store.default}

    @routes.get("/")
    def home() -> str:
        """Say what this is and what one can do with it."""
        store.get()  # without a model there is nothing to show
        return render_template("home.html")

    @routes.get("/listen")
    def listen() -> str:
        """Hear a word and show it, with the model that `?model=` names, or the default."""
        model = store.get(request.args.get("model"))
        g.answered = model.name, model.digest
        return render_template(
            "listen.html",
            settings=settings,
            card=model.card,
            digest=model.digest,
            model_name=model.name,
        )

    @routes.get("/teach")
    def teach() -> str:
        """Learn words that the visitor says."""
        store.get()
        return render_template("teach.html", settings=settings)

    @routes.get("/play")
    def play() -> str:
        """Steer a game by voice: what the element below is good for."""
        store.get()
        return render_template("play.html")

    @routes.get("/speech-command.js")
    def speech_command() -> Response:
        """Lead to the custom element by an address that stays the same, for other pages to name."""
        return redirect(url_for("static", filename="speech-command.js"))

    return routes
