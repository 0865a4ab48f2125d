"""What training writes into model files beside the graph: the card, and the recipe."""

import dataclasses
import json

import onnx

from sayso.card import METADATA_KEY, ModelCard
from sayso.training.recipe import Recipe

RECIPE_KEY = "sayso_recipe"  # of the file's metadata


def with_card(content: bytes, card: ModelCard) -> bytes:
    """The same model with this card in place of any other."""
    return _with_metadata(content, METADATA_KEY, card.to_json())


def with_recipe(content: bytes, recipe: Recipe) -> bytes:
    """The same model with the recipe that it was trained by, so that its training can go on."""
    # Which folders the run started from, or was taught by, means nothing on another machine.
    bare = dataclasses.replace(recipe.training, start="", teachers=())
    values = dataclasses.replace(recipe, training=bare).to_values()
    return _with_metadata(content, RECIPE_KEY, json.dumps(values))


def recipe_of(content: bytes) -> Recipe | None:
    """The recipe in a model file; None where it holds none.

    Raises:
        RecipeError: the recipe has entries that this version does not know.

    """
    model = onnx.load_from_string(content)
    found = {entry.key: entry.value for entry in model.metadata_props}
    return Recipe.from_values(json.loads(found[RECIPE_KEY])) if RECIPE_KEY in found else None


def _with_metadata(content: bytes, key: str, value: str) -> bytes:
    model = onnx.load_from_string(content)
    kept = {entry.key: entry.value for entry in model.metadata_props} | {key: value}
    onnx.helper.set_model_props(model, kept)
    result: bytes = model.SerializeToString()
    return result
