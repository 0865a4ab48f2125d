"""What a translation has to replace: in the scripts, English stands in the catalogues alone."""

import re

from web import scripts

CATALOGUES = {"text.js", "teach-text.js"}
COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)
SENTENCE = re.compile(r"""(["'`])([A-Z][a-z’]*(?: [^"'`\n]*)?[a-z.?!…])\1""")
SHOWN = re.compile(
    r"""(?:textContent|innerText|title|ariaLabel|placeholder) = ["'`]([^"'`]*[A-Za-z]{2}[^"'`]*)["'`]"""
)
TECHNICAL = re.compile(r"[A-Z]\w*")  # names of keys, headers, elements, errors


def test_the_scripts_hold_no_english_of_their_own() -> None:
    files = [file for file in sorted(scripts.STATIC.glob("*.js")) if file.name not in CATALOGUES]
    assert len(files) > 30
    found = []
    for file in files:
        code = COMMENT.sub("", file.read_text(encoding="utf-8"))
        found += [(file.name, text) for _, text in SENTENCE.findall(code) if not TECHNICAL.fullmatch(text)]
        found += [(file.name, text) for text in SHOWN.findall(code)]

    assert found == []
