"""Text in figures: names that fit and stay different, in characters that some font has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from matplotlib.font_manager import fontManager, get_font
from matplotlib.text import Text

from ...short_name import shorten_name, shorten_names

#: Comes with Matplotlib, and has Latin, Greek and Cyrillic letters; the others are used where the machine has them.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Emoji",
)
_LONGEST = 28
_BOX = "\N{WHITE SQUARE}"


def fit_name(text: str, longest: int = _LONGEST) -> str:
    """Return a name or a label as it fits into a figure."""
    return _replace_unknown(shorten_name(text, longest))


def fit_names(texts: Sequence[str], longest: int = _LONGEST) -> list[str]:
    """Return names as they fit beside each other, and stay different; those that no font can write are numbered."""
    return shorten_names([_replace_unknown(text) for text in texts], longest)


def set_font(text: Text) -> None:
    """Let *text*, in which a dollar sign begins no formula, be written in the fonts that have its characters."""
    text.set(parse_math=False, fontfamily=_find_fonts())


def _replace_unknown(text: str) -> str:
    """Return *text* with a box for each character that would be one anyway, but with a warning."""
    if all(ord(each) in _list_characters(_FONTS[0]) or each.isspace() for each in text):
        return text
    fonts = _find_fonts()
    is_known = {
        each: each.isspace() or any(ord(each) in _list_characters(font) for font in fonts) for each in set(text)
    }
    return "".join(each if is_known[each] else _BOX for each in text)


@cache
def _find_fonts() -> list[str]:
    available = set(fontManager.get_font_names())
    return [font for font in _FONTS if font in available]


@cache
def _list_characters(font: str) -> frozenset[int]:
    return frozenset(get_font(fontManager.findfont(font)).get_charmap())
