"""Write the README's table of results from `results/*.json`: `make docs`."""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
ORDER = ("default", "m5")


def row(result: dict[str, Any]) -> str:
    """A result as it stands in the table."""
    cells = []
    for figure in result["figures"]:
        low, high = 100 * figure["low"], 100 * figure["high"]
        cells.append(f"{100 * figure['value']:.1f} % ({low:.1f}–{high:.1f}, n = {figure['clips']:,})")
    cells += [f"{result['parameters']:,}", f"{result['bytes'] / 1000:,.0f} KB"]
    cells += [f"{result['milliseconds']:.2f} ms", f"{result['training_minutes']:.0f} min"]
    return f"| `{result['model']}` | {' | '.join(cells)} |"


def table(text: str) -> str:
    """The README with the rows of today's results below the table's head."""
    results = [json.loads(path.read_text()) for path in (ROOT / "results").glob("*.json")]
    results.sort(key=lambda result: (*ORDER, result["model"]).index(result["model"]))
    rows = "".join(row(result) + "\n" for result in results)
    return re.sub(r"(\| model \|.*\n\|[-|]+\n)(?:\| `.*\n)*", lambda head: head[1] + rows, text, count=1)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(table(readme.read_text(encoding="utf-8")), encoding="utf-8")
