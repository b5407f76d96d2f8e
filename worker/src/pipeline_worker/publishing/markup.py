"""Pieces of HTML, with every value escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

from .. import escape as unseen

#: A name between backticks, or a line of JSON for the request, in text that is HTML already.
_CODE = re.compile(r"`([^`]+)`|(\{&quot;ingestion_config&quot;: .*?\}+)(?=[\s.;,]|$)")


def write_section(title: str, *parts: str) -> str:
    """Return a section of the HTML *parts*, or nothing where they are empty."""
    content = "".join(parts)
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def write_table(heads: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = ()) -> str:
    """Return a table; the cells of *rows* are HTML already."""
    is_number = set(numbers)

    def line(cells: Iterable[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=number' if position in is_number else ''}>{cell}</{tag}>"
            for position, cell in enumerate(cells)
        )

    head = "".join(line([escape(each) for each in heads], "th"))
    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return (
        f"<div class=wide><table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table></div>"
    )


def show_note(note: Any) -> str:
    """Return a sentence for people with its `names` and its line to paste as code."""
    return _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", show(note))


def write_link(address: str, label: str) -> str:
    """Return a link, if *address* is one of the web: an object's URI leads nowhere in a browser."""
    if not address.startswith(("http://", "https://")):
        return f"{escape(label)}: <code>{escape(address)}</code>"
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(label)}</a>'


def show_number(value: Any) -> str:
    """Return a metric with as many digits as say something."""
    if not isinstance(value, (int, float)):
        return "-"
    # `+ 0` turns a negative zero into one that reads well.
    return f"{round(value, 3) + 0:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def show_count(value: Any) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "-"


def show(value: Any) -> str:
    """Return *value* as text, with what cannot be seen of it written out."""
    return escape(unseen.escape(str(value)))
