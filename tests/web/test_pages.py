import dataclasses
import re

from flask.testing import FlaskClient

from sayso.card import Figure
from sayso.web import ModelStore, create_app
from web.fake_recognizer import WORDS, FakeRecognizer


def test_home_says_what_one_can_do(client: FlaskClient) -> None:
    page = client.get("/").text

    assert "6 single words" in page
    assert 'href="/listen"' in page
    assert "sayso.load().recognize(" in page
    assert "curl --data-binary @clip.wav http://localhost/audio" in page


def test_home_shows_the_figures_on_the_card() -> None:
    recognizer = FakeRecognizer()
    figure = Figure("accuracy, six tones", value=0.871, split="test", clips=1234, low=0.86, high=0.89)
    recognizer.card = dataclasses.replace(recognizer.card, trained_on="tones", figures=(figure,))

    page = " ".join(create_app(recognizer).test_client().get("/").text.split())

    assert "Trained on tones." in page
    assert "Accuracy, six tones: <b>87.1&nbsp;%</b> (86.0 to 89.0 %), on 1,234 recordings" in page


def test_listen_shows_the_words_of_the_card_and_no_other_label(client: FlaskClient) -> None:
    page = client.get("/listen").text

    assert tuple(re.findall(r"<li>(\w+)</li>", page)) == WORDS
    assert "6 words it knows" in page


def test_pages_name_the_model(client: FlaskClient) -> None:
    for path in ("/", "/listen", "/nowhere"):
        page = client.get(path).text
        assert "<b>pitches</b>" in page
        assert FakeRecognizer.digest in page


def test_two_applications_do_not_share_anything(client: FlaskClient) -> None:
    other = FakeRecognizer()
    other.card = dataclasses.replace(other.card, name="others")

    assert create_app(other).test_client().get("/healthz").headers["Sayso-Model"] == "others"
    assert client.get("/healthz").headers["Sayso-Model"] == "pitches"


def test_listen_takes_any_model_of_the_server() -> None:
    client = create_app(ModelStore()).test_client()

    page = client.get("/listen?model=m5")
    assert page.headers["Sayso-Model"] == "m5"
    assert 'data-model="/api/v1/models/m5.onnx?digest=' in page.get_data(as_text=True)
    assert 'data-endpoint="/api/v1/recognitions?model=m5"' in page.get_data(as_text=True)
    assert client.get("/listen?model=nobody").status_code == 404


def test_the_element_has_an_address_that_stays(client: FlaskClient) -> None:
    with client.get("/speech-command.js", follow_redirects=True) as answer:
        assert answer.status_code == 200
        assert "customElements.define" in answer.get_data(as_text=True)
