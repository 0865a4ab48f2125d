import base64
import hashlib
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sayso.errors import SettingsError
from sayso.web import ModelStore, Settings, access, create_app
from web.fake_recognizer import FakeRecognizer, tone

TOKEN = "a long and secret word"
OPEN = ("/", "/listen", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")


def client_of(**settings: object) -> FlaskClient:
    return create_app(FakeRecognizer(), Settings(**settings)).test_client()  # type: ignore[arg-type]


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    file.write_text(f"# who may ask\nanna {'0' * 64}\nben {digest}  # by letter\n", encoding="utf-8")
    return file


def test_without_tokens_nobody_is_asked_for_one() -> None:
    assert client_of().post("/audio", data=tone("up")).status_code == 200


def test_a_known_token_opens_the_api(tokens: Path) -> None:
    client = client_of(tokens_file=str(tokens))

    response = client.post("/audio", data=tone("up"), headers={"Authorization": f"Bearer {TOKEN}"})

    assert response.status_code == 200


@pytest.mark.parametrize("sent", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {'0' * 64}"])
@pytest.mark.parametrize(
    "path", ["/audio", "/api/v1/recognitions", "/api/v1/models", "/api/v1/models/m5.onnx"]
)
def test_others_are_asked_for_one(tokens: Path, path: str, sent: str | None) -> None:
    client = client_of(tokens_file=str(tokens))
    method = "GET" if "models" in path else "POST"

    response = client.open(path, method=method, headers={"Authorization": sent} if sent else {})

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.get_json()["error"]["code"] == "unauthorized"


def bearer(token: str) -> str:
    return "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        (f"sayso, {bearer(TOKEN)}", 426),  # allowed, and told to ask for a WebSocket
        (bearer(TOKEN), 426),
        (f"sayso, {bearer('wrong')}", 401),
        ("sayso, bearer.%%%", 401),
        ("sayso, bearer.", 401),
        ("sayso", 401),
    ],
)
def test_a_pages_websocket_brings_its_token_as_a_subprotocol(tokens: Path, offered: str, status: int) -> None:
    client = client_of(tokens_file=str(tokens))

    response = client.get("/api/v1/listen", headers={"Sec-WebSocket-Protocol": offered})

    assert response.status_code == status


def test_what_a_token_opened_no_proxy_keeps(tokens: Path) -> None:
    model = ModelStore()
    settings = Settings(tokens_file=str(tokens))
    client = create_app(model, settings).test_client()
    address = f"/api/v1/models/default.onnx?digest={model.known()[1]}"

    response = client.get(address, headers={"Authorization": f"Bearer {TOKEN}"})

    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_pages_and_health_need_none(tokens: Path) -> None:
    client = client_of(tokens_file=str(tokens))

    for path in OPEN:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no token"),
        ("anna", "Line 1 of .* SHA-256"),
        ("\nanna secret", "Line 2"),
        (None, "cannot be"),
    ],
)
def test_a_wrong_tokens_file_is_said(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError, match=said):
        access.check(Settings(tokens_file=str(file)))


def test_a_client_that_asks_too_often_is_told_when_to_come_back() -> None:
    client = client_of(rate_limit="3/minute")
    replies = [client.post("/audio", data=tone("up")) for _ in range(4)]

    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert replies[3].get_json()["error"]["code"] == "too_many_requests"
    assert 0 < int(replies[3].headers["Retry-After"]) <= 60
    for path in OPEN:
        assert client.get(path).status_code == 200
    other = client.post("/audio", data=tone("up"), environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert other.status_code == 200


def test_without_its_redis_a_server_counts_for_itself() -> None:
    client = client_of(rate_limit="2/minute", rate_storage="redis://127.0.0.1:1")

    assert [client.post("/audio", data=tone("up")).status_code for _ in range(3)] == [200, 200, 429]


def test_a_proxy_is_believed_only_when_it_is_trusted() -> None:
    def asks(client: FlaskClient, number: int) -> int:
        return client.post(
            "/audio", data=tone("up"), headers={"X-Forwarded-For": f"192.0.2.{number}"}
        ).status_code

    closed, behind = client_of(rate_limit="1/minute"), client_of(rate_limit="1/minute", trusted_proxies=1)

    assert [asks(closed, 1), asks(closed, 2)] == [200, 429]
    assert [asks(behind, 1), asks(behind, 2), asks(behind, 1)] == [200, 200, 429]


@pytest.mark.parametrize(
    "settings", [{"rate_limit": "often"}, {"rate_limit": "1/minute", "rate_storage": "x"}]
)
def test_a_rate_without_meaning_is_said(settings: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="rate_limit"):
        access.check(Settings(**settings))  # type: ignore[arg-type]


def test_other_sites_are_kept_out_unless_let_in() -> None:
    asked = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    closed, opened = client_of(), client_of(cors_origins="https://other.example")

    for path in ("/audio", "/api/v1/models"):
        assert "Access-Control-Allow-Origin" not in closed.options(path, headers=asked).headers
        allowed = opened.options(path, headers=asked).headers
        assert allowed["Access-Control-Allow-Origin"] == "https://other.example"
        stranger = opened.options(path, headers=asked | {"Origin": "https://third.example"}).headers
        assert "Access-Control-Allow-Origin" not in stranger
    assert "Access-Control-Allow-Origin" not in opened.get("/", headers=asked).headers
