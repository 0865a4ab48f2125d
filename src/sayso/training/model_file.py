"""Writing cards into model files."""

import onnx

from sayso.card import METADATA_KEY, ModelCard


def with_card(content: bytes, card: ModelCard) -> bytes:
    """The same model with this card in place of any other."""
    model = onnx.load_from_string(content)
    kept = {entry.key: entry.value for entry in model.metadata_props} | {METADATA_KEY: card.to_json()}
    onnx.helper.set_model_props(model, kept)
    result: bytes = model.SerializeToString()
    return result
