"""What a translation has to replace: English stands in the catalogues, not in the scripts and templates."""

import re
from html.parser import HTMLParser

import pytest
from flask import render_template_string
from flask.testing import FlaskClient
from jinja2 import Environment, UndefinedError, nodes

from sayso.web import catalogue
from web import scripts

CATALOGUES = {"text.js", "teach-text.js"}
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
SENTENCE = re.compile(r"""(["'`])([A-Z][a-z’]*(?: [^"'`\n]*)?[a-z.?!…])\1""")
SHOWN = re.compile(
    r"""(?:textContent|innerText|title|ariaLabel|placeholder) = ["'`]([^"'`]*[A-Za-z]{2}[^"'`]*)["'`]"""
)
TECHNICAL = re.compile(r"[A-Z]\w*")  # names of keys, headers, elements, errors

TEMPLATES = {
    file.name: file.read_text(encoding="utf-8")
    for file in sorted((scripts.STATIC.parent / "templates").glob("*.html"))
}
NAME = "sayso"
USE = re.compile(r"\btext\.(\w+)\.(\w+)")


def test_the_scripts_hold_no_english_of_their_own() -> None:
    files = [file for file in sorted(scripts.STATIC.glob("*.js")) if file.name not in CATALOGUES]
    assert len(files) > 30
    found = []
    for file in files:
        code = COMMENT.sub("", file.read_text(encoding="utf-8"))
        found += [(file.name, text) for _, text in SENTENCE.findall(code) if not TECHNICAL.fullmatch(text)]
        found += [(file.name, text) for text in SHOWN.findall(code)]

    assert found == []


class Reading(HTMLParser):
    """What a visitor reads of a template, but for code."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._code += tag == "code"
        given = dict(attrs)
        read = ["aria-label", "aria-description", "title", "alt", "placeholder"]
        read += ["content"] if given.get("name") == "description" else []
        read += ["value"] if given.get("type") in ("text", "button", "submit") else []
        self.read += [given.get(name) or "" for name in read]

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.read += [] if self._code else [data]


def english_of(template: str) -> list[str]:
    """The words that stand in a template itself: in its HTML, or in a literal that holds a sentence."""
    parsed = Environment().parse(template)
    reading = Reading()
    reading.feed("".join(html.data for html in parsed.find_all(nodes.TemplateData)))
    values = [
        const.value for written in parsed.find_all(nodes.Output) for const in written.find_all(nodes.Const)
    ]
    literals = [value for value in values if isinstance(value, str) and re.search("^[A-Z]| ", value)]
    words = [text.replace(NAME, "").strip() for text in reading.read + literals]
    return [text for text in words if re.search("[A-Za-z]", text)]


def test_the_templates_hold_no_english_of_their_own() -> None:
    assert len(TEMPLATES) >= 7
    found = {name: english_of(template) for name, template in TEMPLATES.items()}

    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "template",
    [
        "<p>Say a {{ word }}</p>",
        "<img alt='A snake'>",
        '<meta name="description" content="Words.">',
        '{{ "Hello" if card }}',
        "{{ one }}{{ ' and ' }}",
        "<code>1</code> recording",
    ],
)
def test_english_in_a_template_is_found(template: str) -> None:
    assert len(english_of(template)) == 1


def test_templates_and_catalogue_name_the_same_texts() -> None:
    used = {use for template in TEMPLATES.values() for use in USE.findall(template)}
    known = {(page, name) for page, texts in catalogue.read().items() for name in texts}

    assert used == known


def test_a_text_that_is_missing_is_an_error(client: FlaskClient) -> None:
    with client.application.test_request_context(), pytest.raises(UndefinedError, match="nowhere"):
        render_template_string("{{ text.home.nowhere }}")


def test_pages_say_which_language_they_are_in(client: FlaskClient) -> None:
    assert '<html lang="en">' in client.get("/").text
