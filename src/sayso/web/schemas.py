"""What requests may say and answers do say: the declarations that check the one and describe both.

`/openapi.json` and `/docs` are made of these.
"""

from flask_smorest import Blueprint
from marshmallow import RAISE, Schema, fields, validate
from webargs.flaskparser import FlaskParser


class StrictParser(FlaskParser):
    """Takes a misspelt parameter for a mistake, not for a wish to be ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.DEFAULT_UNKNOWN_BY_LOCATION = self.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}


class StrictBlueprint(Blueprint):  # type: ignore[misc]
    """Routes whose declarations are held to."""

    ARGUMENTS_PARSER = StrictParser()


class Alternative(Schema):
    """A label and how probable it is."""

    word = fields.String(required=True)
    confidence = fields.Float(required=True, metadata={"description": "0 to 1, calibrated"})


class Found(Schema):
    """A word found by a scan, and where."""

    word = fields.String(required=True)
    confidence = fields.Float(required=True)
    start_s = fields.Float(required=True, metadata={"description": "seconds from the start"})
    end_s = fields.Float(required=True)


class Answer(Schema):
    """What was heard in one recording."""

    word = fields.String(required=True, metadata={"description": "the most probable label"})
    confidence = fields.Float(required=True, metadata={"description": "0 to 1, calibrated"})
    accepted = fields.Boolean(
        required=True, metadata={"description": "false for silence, strangers and doubt"}
    )
    alternatives = fields.List(fields.Nested(Alternative), required=True)
    start_s = fields.Float(required=True, metadata={"description": "the stretch that answers, in seconds"})
    end_s = fields.Float(required=True)
    words = fields.List(fields.Nested(Found), metadata={"description": "with `scan`: every word in turn"})


class Recognition(Answer):
    """What was heard in one recording, and by which model."""

    model = fields.String(required=True)
    digest = fields.String(required=True, metadata={"description": "SHA-256 of the model file"})


class ErrorBody(Schema):
    """What went wrong."""

    code = fields.String(required=True, metadata={"description": "for programs"})
    message = fields.String(required=True, metadata={"description": "for people: what to do"})


class Error(Schema):
    """A request that could not be answered."""

    error = fields.Nested(ErrorBody, required=True)


class ClipAnswer(Answer):
    """One of several recordings: what was heard, or what is wrong with it."""

    word = fields.String()
    confidence = fields.Float()
    accepted = fields.Boolean()
    alternatives = fields.List(fields.Nested(Alternative))
    start_s = fields.Float()
    end_s = fields.Float()
    file = fields.String(required=True, metadata={"description": "the name the client gave it"})
    error = fields.Nested(ErrorBody)


class Recognitions(Schema):
    """What was heard in several recordings, in the order they were sent."""

    recognitions = fields.List(fields.Nested(ClipAnswer), required=True)
    model = fields.String(required=True)
    digest = fields.String(required=True)


class Question(Schema):
    """How a recording is to be recognised."""

    model = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "a name from /api/v1/models"}
    )
    top = fields.Integer(
        load_default=3, validate=validate.Range(1, 100), metadata={"description": "how many alternatives"}
    )
    scan = fields.Boolean(
        load_default=False, metadata={"description": "also give every word in the recording, with its time"}
    )


class FileQuestion(Schema):
    """Which version of a model file is wanted."""

    digest = fields.String(
        validate=validate.Regexp("^[0-9a-f]{64}$"),
        metadata={"description": "the very version wanted, which may then be kept for ever"},
    )


class Model(Schema):
    """A model, as much of it as a listener must know."""

    name = fields.String(required=True)
    digest = fields.String(required=True, metadata={"description": "SHA-256 of the file"})
    default = fields.Boolean(required=True, metadata={"description": "answers when no model is named"})
    words = fields.List(fields.String(), required=True)
    labels = fields.List(fields.String(), required=True)
    sample_rate = fields.Integer(required=True, metadata={"description": "hertz"})
    window_seconds = fields.Float(required=True)
    architecture = fields.String(required=True)
    parameters = fields.Integer(required=True)
    file = fields.String(required=True, metadata={"description": "address of the ONNX file"})


class Models(Schema):
    """All models, the default first."""

    models = fields.List(fields.Nested(Model), required=True)


class Card(Model):
    """A model's whole card."""

    calibration = fields.Dict(required=True)
    trained_on = fields.String(required=True)
    training_clips = fields.List(fields.Integer(), required=True)
    training_minutes = fields.Float(required=True)
    recipe_digest = fields.String(required=True)
    figures = fields.List(fields.Dict(), required=True)
    licence = fields.String(required=True)
    format_version = fields.Integer(required=True)
