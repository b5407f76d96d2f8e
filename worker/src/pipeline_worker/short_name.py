"""Names and labels from data, short enough for a line, a table or a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: As many characters of a name tell it from others, where nobody has to find it by copying it.
LONGEST = 60
#: What a sentence has between backticks, each with the next: what is between two codes is none, however long a line of parameters it is.
_CODE = re.compile(r"`([^`\n]*)`")
#: Longer than any code but a name.
_LONG = 300


def shorten_name(name: str, longest: int = LONGEST) -> str:
    """Return *name* in one line of at most *longest* characters; the middle is left out, as names that belong together differ at the end."""
    line = " ".join(name.split())
    if len(line) <= longest:
        return line
    behind = (longest - 1) // 2
    return f"{line[: longest - 1 - behind]}…{line[-behind:]}"


def shorten_told(text: str) -> str:
    """Return *text* for people with its `names` in backticks shortened, where they are so long that they would hide the rest."""
    return _CODE.sub(lambda found: f"`{shorten_name(found[1])}`" if len(found[1]) >= _LONG else found[0], text)


def shorten_names(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    """Return *names*, different ones, shortened so that they stay different.

    Where beginning and end are not enough to tell some apart, the place at which they differ is shown; where that is not to be seen
    either, they are numbered.
    """
    short = [shorten_name(name, longest) for name in names]
    for window in (True, False):
        alike: dict[str, list[int]] = {}
        for position, text in enumerate(short):
            alike.setdefault(text, []).append(position)
        for positions in alike.values():
            if len(positions) > 1:
                group = [names[position] for position in positions]
                told = _show_difference(group, longest) if window else _number(group, longest)
                for position, text in zip(positions, told, strict=True):
                    short[position] = text
    return short


def _show_difference(names: Sequence[str], longest: int) -> list[str]:
    lines = [" ".join(name.split()) for name in names]
    head = longest // 4
    shared = next((place for place, each in enumerate(zip(*lines, strict=False)) if len(set(each)) > 1), head)
    begin = max(head, shared - 2)
    return [f"{line[:head]}…{shorten_name(line[begin:], longest - head - 1)}" for line in lines]


def _number(names: Sequence[str], longest: int) -> list[str]:
    return [
        f"{shorten_name(name, longest - len(str(len(names))) - 3)} ({number})" for number, name in enumerate(names, 1)
    ]


def name_class(label: object) -> str:
    """Return the label of a class as a sentence names it, text in quotes."""
    return repr(shorten_name(label)) if isinstance(label, str) else str(label)


def name_classes(labels: Sequence[object], most: int = 3) -> str:
    """Return *labels* as a sentence names them, the first of them where there are many: `class 'a'`, `classes 'a', 'b' and 7 more`."""
    if len(labels) == 1:
        return f"class {name_class(labels[0])}"
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return f"classes {', '.join(map(name_class, labels[:most]))}{more}"
