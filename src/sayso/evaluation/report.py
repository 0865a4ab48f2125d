"""The report of an exam as files: `report.json` for programs, `report.md` and `report.html` for people.

The page holds everything in itself, plots included, and follows the reader's light or dark.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

from sayso.evaluation import report_sections
from sayso.evaluation.parts import write
from sayso.evaluation.report_sections import Section, Table


def write_report(report: dict[str, Any], folder: Path) -> Path:
    """Write the report of `exam.examine` into a folder, each file whole or not at all.

    Returns:
        the path of the page.

    Raises:
        ModuleNotFoundError: matplotlib is not installed; nothing is written then.

    """
    from sayso.evaluation import report_plots  # needs matplotlib

    plots = report_plots.draw(report)
    sections = report_sections.sections(report)
    write(folder / "report.json", (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    write(folder / "report.md", as_markdown(report, sections).encode())
    page = folder / "report.html"
    write(page, as_html(report, sections, plots).encode())
    return page


def as_markdown(report: dict[str, Any], sections: list[Section]) -> str:
    """The report as Markdown, without plots."""
    lines = [f"# Exam of {report['model']}", "", report_sections.subtitle(report), ""]
    for section in sections:
        lines += [f"## {section.title}", ""]
        for paragraph in section.paragraphs:
            lines += [paragraph, ""]
        for table in section.tables:
            if table.title:
                lines += [f"**{table.title}**", ""]
            lines.append(f"| {' | '.join(table.heads)} |")
            lines.append("|---" + "|---:" * (len(table.heads) - 1) + "|")
            lines += [
                f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table.rows
            ]
            lines.append("")
    return "\n".join(lines)


def as_html(report: dict[str, Any], sections: list[Section], plots: dict[str, str]) -> str:
    """The report as a page, given its plots as SVG by name."""
    title = f"Exam of {escape(report['model'])}"
    tiles = "".join(
        f"<div class=tile><b>{escape(value)}</b><span>{escape(name)}</span></div>"
        for name, value in report_sections.headlines(report)
    )
    body = [f"<h1>{title}</h1><p class=note>{escape(report_sections.subtitle(report))}</p>"]
    body.append(f"<div class=tiles>{tiles}</div>")
    for section in sections:
        body.append(f"<section><h2>{escape(section.title)}</h2>")
        body += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
        body += [
            f"<figure>{plots[name]}<figcaption>{escape(caption)}</figcaption></figure>"
            for name, caption in section.plots
            if name in plots
        ]
        body += [_table(table) for table in section.tables]
        body.append("</section>")
    return (
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
        "<meta name=viewport content='width=device-width, initial-scale=1'>\n"
        "<meta http-equiv=Content-Security-Policy "
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n<main>{chr(10).join(body)}</main>\n</html>\n"
    )


def _table(table: Table) -> str:
    heads = "".join(f"<th scope=col>{escape(head)}</th>" for head in table.heads)
    rows = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    grid = f"<div class=table><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    if not table.folded:
        return (f"<h3>{escape(table.title)}</h3>" if table.title else "") + grid
    return f"<details><summary>{escape(table.title)}</summary>{grid}</details>"


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --paper: #fdfdfc; --faint: #66707c; --line: #dfe3e8;
  --tile: #f1f4f7 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --paper: #14181d; --faint: #98a3af;
  --line: #2d343d; --tile: #1d232a } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 5rem }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: 1.25rem; border-top: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem }
p { max-width: 46rem; margin: .5rem 0 }
.note, figcaption { color: var(--faint) }
figcaption { font-size: .875rem }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0 }
.tile { background: var(--tile); border-radius: .5rem; padding: .75rem 1rem }
.tile b { display: block; font-size: 1.5rem; font-weight: 600 }
.tile span { color: var(--faint); font-size: .875rem }
figure { margin: 1.25rem 0 }
figure svg { display: block; max-width: 100%; height: auto }
.table { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9375rem }
th, td { padding: .25rem 1.25rem .25rem 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line) }
th:first-child { text-align: left; font-weight: 400 }
thead th, thead th:first-child { font-weight: 600; color: var(--faint); font-size: .8125rem }
details { margin: 1rem 0 } summary { cursor: pointer; margin-bottom: .5rem }
"""
