import dataclasses

import sayso
from sayso.listener import ListenerSettings
from sayso.listening import settings_for


def test_a_model_taught_from_few_recordings_is_believed_at_its_own_threshold() -> None:
    card = sayso.load().card
    few = dataclasses.replace(card, training_clips=tuple(5 for _ in card.labels))

    assert settings_for(card) == ListenerSettings()
    assert settings_for(few).presence_threshold == 0
    assert settings_for(few).threshold >= card.calibration.threshold
    assert settings_for(few, ["left"]) == ListenerSettings.for_word("left")
