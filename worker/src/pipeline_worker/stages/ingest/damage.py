"""What is wrong with a file that a library cannot read to its end, and what to do about it, in the words of people."""

from __future__ import annotations

SEND_AGAIN = "Perhaps its transfer broke off, or changed it as if it were text (FTP has a mode for that): send it again, and drop that."
_CUT_OFF = "its end is missing"
#: What of a library's words would mislead, or say nothing to a person, and what is said instead.
_WORDS = {
    "File is not a zip file": _CUT_OFF,
    "Compressed file ended before": _CUT_OFF,
    "Parquet magic bytes not found in footer": _CUT_OFF,
    "Exceeds the limit (4300 digits)": "a number in it is impossibly large",
}


def say_damage(reason: object) -> str:
    """Return the *reason*, an error or words, for which a file cannot be read."""
    text = (str(reason).splitlines() or [""])[0]
    known = next((said for words, said in _WORDS.items() if text.startswith(words)), None)
    return (known or text[:200]).removesuffix(".")
