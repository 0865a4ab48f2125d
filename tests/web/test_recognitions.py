"""Many recordings, parameters, and the description they are held to."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from sayso.web import ModelStore, Settings, create_app
from web.fake_recognizer import SAMPLE_RATE, FakeRecognizer, tone, wav

ROUTE = "/api/v1/recognitions"


def form(*recordings: bytes) -> dict[str, Any]:
    return {"clip": [(io.BytesIO(each), f"{number}.wav") for number, each in enumerate(recordings)]}


def message_of(response: Any) -> str:
    return str(response.get_json()["error"]["message"])


def test_each_recording_of_a_form_is_answered_in_turn() -> None:
    client = create_app(FakeRecognizer()).test_client()

    answer = client.post(ROUTE, data=form(tone("up"), b"no recording", tone("left"))).get_json()

    first, second, third = answer["recognitions"]
    assert (first["file"], first["word"], third["file"], third["word"]) == ("0.wav", "up", "2.wav", "left")
    assert second == {"file": "1.wav", "error": {"code": "not_audio", "message": second["error"]["message"]}}
    assert (answer["model"], answer["digest"]) == ("pitches", FakeRecognizer.digest)


@pytest.mark.parametrize("count", [64, 65, 200])
def test_a_form_holds_64_recordings_at_most(count: int) -> None:
    client = create_app(FakeRecognizer()).test_client()

    response = client.post(ROUTE, data=form(*[tone("up", seconds=0.05)] * count))

    assert response.status_code == (200 if count == 64 else 400)
    if count > 64:
        assert "at most 64" in message_of(response)


def test_a_form_without_a_file_says_what_to_send(client: FlaskClient) -> None:
    response = client.post(ROUTE, data={"clip": "text"}, content_type="multipart/form-data")

    assert (response.status_code, message_of(response)) == (
        400,
        "The form holds no file: curl -F clip=@FILE.",
    )


def test_a_form_too_large_is_refused(client: FlaskClient) -> None:
    assert client.post(ROUTE, data=form(*[tone("up")] * 8)).status_code == 413


def test_top_says_how_many_alternatives(client: FlaskClient) -> None:
    answer = client.post(ROUTE, query_string={"top": 5}, data=tone("up")).get_json()

    assert len(answer["alternatives"]) == 5


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("top=0", 422, "top: Must be greater than"),
        ("top=many", 422, "top: Not a valid integer"),
        ("scan=perhaps", 422, "scan: Not a valid boolean"),
        ("topp=3", 422, "topp: Unknown field"),
        ("model=none", 404, "There is no model 'none'"),
    ],
)
def test_parameters_are_checked(client: FlaskClient, asked: str, status: int, said: str) -> None:
    response = client.post(f"{ROUTE}?{asked}", data=tone("up"))

    assert (response.status_code, said in message_of(response)) == (status, True)


def test_a_model_is_asked_for_by_name() -> None:
    client = create_app(ModelStore()).test_client()

    response = client.post(f"{ROUTE}?model=m5", data=tone("up"))

    assert response.get_json()["model"] == response.headers["Sayso-Model"] == "m5"
    assert response.get_json()["digest"] == response.headers["Sayso-Digest"]


def test_a_scan_finds_each_word_and_its_time(speech_commands: Path) -> None:
    import soundfile

    store = ModelStore()
    spoken: list[Any] = []
    for word in ("stop", "left", "yes"):
        for path in sorted((speech_commands / word).iterdir())[:40]:
            heard = store.get().recognizer.recognize_samples(soundfile.read(path, dtype="float32")[0], top=1)
            if heard.word == word and heard.confidence > 0.97:
                spoken += [np.zeros(8000), soundfile.read(path)[0]]
                break
    assert len(spoken) == 6
    recording = wav(np.concatenate([*spoken, np.zeros(8000)]))
    client = create_app(store).test_client()

    answer = client.post(f"{ROUTE}?scan=true", data=recording).get_json()

    assert [each["word"] for each in answer["words"]] == ["stop", "left", "yes"]
    starts = [each["start_s"] for each in answer["words"]]
    assert starts == sorted(starts)
    assert "words" not in client.post(ROUTE, data=recording).get_json()


def test_more_than_allowed_at_once_are_refused() -> None:
    class Slow(FakeRecognizer):
        def recognize_samples(self, samples: Any, /, *, top: int) -> Any:
            self.meanwhile = client.post("/audio", data=tone("up"))
            return super().recognize_samples(samples, top=top)

    slow = Slow()
    client = create_app(slow, Settings(max_waiting=1)).test_client()

    assert client.post("/audio", data=tone("left")).status_code == 200
    assert slow.meanwhile.status_code == 503
    assert slow.meanwhile.headers["Retry-After"] == "1"


def test_a_request_that_takes_too_long_is_ended() -> None:
    client = create_app(FakeRecognizer(), Settings(request_s=1e-6)).test_client()

    response = client.post(ROUTE, data=form(tone("up"), tone("up")))

    assert (response.status_code, "too long" in message_of(response)) == (503, True)


def test_the_description_tells_of_every_route_and_its_parameters(client: FlaskClient) -> None:
    described = client.get("/openapi.json").get_json()

    assert described["openapi"] == "3.1.0"
    asked = described["paths"][ROUTE]["post"]
    assert {each["name"] for each in asked["parameters"]} == {"model", "top", "scan"}
    assert set(asked["requestBody"]["content"]) == {"application/octet-stream", "multipart/form-data"}
    routes = {
        rule.rule.replace("<", "{").replace(">", "}")
        for rule in client.application.url_map.iter_rules()
        if rule.rule.startswith("/audio") or rule.endpoint.startswith("api.")
    }
    assert routes <= set(described["paths"])


def test_people_read_the_same_description(client: FlaskClient) -> None:
    page = client.get("/docs").text

    for path in client.get("/openapi.json").get_json()["paths"]:
        assert path in page
    assert "how many alternatives" in page
    assert "<script" not in page.replace('<script type="module" src="/static/', "")


def test_real_recordings_have_real_rates() -> None:
    """The decoder is asked for the rate of the model's card."""
    assert FakeRecognizer.card.sample_rate == SAMPLE_RATE
