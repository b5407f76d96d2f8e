"""Pieces of HTML, with every value escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Any

from pipeline_contract.escape import escape as write_unseen

from ...short_name import shorten_name, shorten_told

#: A name between backticks, or a line of JSON for the request, in text that is HTML already.
_CODE = re.compile(r"`([^`]+)`|(\{&quot;ingestion_config&quot;: .*?\}+)(?=[\s.;,]|$)")

#: More characters of one value are not read.
_MOST = 2_000


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
    return _CODE.sub(lambda found: f"<code>{found[1] or found[2]}</code>", show(shorten_told(str(note))))


def write_link(address: str, label: str) -> str:
    """Return a link, if *address* is one of the web: an object's URI leads nowhere in a browser."""
    if not address.startswith(("http://", "https://")):
        return f"{escape(label)}: <code>{escape(address)}</code>"
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(label)}</a>'


def show_count(value: Any) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "-"


def show(value: Any) -> str:
    """Return *value* as text, with what cannot be seen of it written out; of a text as long as a page, beginning and end."""
    text = str(value)
    return escape(write_unseen(text if len(text) <= _MOST else shorten_name(text, _MOST)))


def show_name(name: Any) -> str:
    """Return the name of a column, or a label, short enough for a table."""
    return show(shorten_name(str(name)))
