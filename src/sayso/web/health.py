"""What watches the server asks: is the process there, can it recognise, what has it done."""

import numpy as np
from flask import Blueprint, Response, jsonify

from sayso import audio
from sayso.errors import ModelError
from sayso.web.models import ModelStore
from sayso.web.telemetry import Telemetry


def blueprint(store: ModelStore, telemetry: Telemetry) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("health", __name__)
    tone = 0.1 * np.sin(2 * np.pi * 440 / 16_000 * np.arange(16_000, dtype=np.float32))
    recording = audio.encode_wav(tone, 16_000)

    @routes.get("/healthz")
    def healthz() -> Response:
        """Say that the process answers."""
        return jsonify(status="ok")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Recognise something with the default model, and tell of every model file that cannot be used."""
        problems = store.problems()
        try:
            model = store.get()
            samples = audio.decode(recording, model.card.sample_rate)
            model.recognizer.recognize_samples(samples, top=1)
        except ModelError as error:
            problems.setdefault(store.default, str(error))
            return jsonify(status="not ready", problems=problems), 503
        return jsonify(status="ready", model=model.name, digest=model.digest, problems=problems), 200

    @routes.get("/metrics")
    def metrics() -> Response:
        """Give the figures of all workers, for Prometheus."""
        store.sweep()
        page, kind = telemetry.page()
        return Response(page, content_type=kind)

    return routes
