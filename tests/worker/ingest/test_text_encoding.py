"""The encoding of a text file: found, given, or assumed and said so."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.stages.ingest import text_encoding
from pipeline_worker.stages.ingest.text_encoding import find_encoding

TEXT = "name,größe\nJosé,1\n"


def write(folder: Path, content: bytes) -> Path:
    path = folder / "raw-data"
    path.write_bytes(content)
    return path


def given_by(error: DataUnreadable) -> str:
    """Return the encoding in the line to paste that a refusal ends with."""
    encoding: str = json.loads(error.fix[error.fix.index('{"ingestion_config"') :])["ingestion_config"]["encoding"]
    return encoding


@pytest.mark.parametrize(
    ("content", "given", "name", "how"),
    [
        (b"a,b\n1,2\n", None, "UTF-8", "valid throughout"),
        (TEXT.encode(), None, "UTF-8", "valid throughout"),
        (TEXT.encode("utf-8-sig"), None, "UTF-8", "by its byte order mark"),
        (TEXT.encode("utf-16"), None, "UTF-16", "by its byte order mark"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None, "UTF-16", "by its byte order mark"),
        (TEXT.encode("utf-32"), None, "UTF-32", "by its byte order mark"),
        (TEXT.encode("cp1252"), None, "cp1252", "assumed"),
        ("10 €".encode("cp1252"), None, "cp1252", "assumed"),
        (TEXT.encode("latin-1") + b"\x81", None, "latin-1", "assumed"),
        (TEXT.encode("cp1250", "replace"), "cp1250", "cp1250", "given"),
        (TEXT.encode("utf-16-le"), "utf-16-le", "UTF-16-LE", "given"),
        (TEXT.encode("utf-8-sig"), "UTF8", "UTF-8", "given"),
        (TEXT.encode("shift-jis", "replace"), "Shift_JIS", "shift_jis", "given"),
    ],
)
def test_encoding_is_found_given_or_assumed(
    tmp_path: Path, content: bytes, given: str | None, name: str, how: str
) -> None:
    """A byte order mark decides, else UTF-8 if every byte is valid, else Windows-1252 or Latin-1; or what was given."""
    found = find_encoding(write(tmp_path, content), "x.csv", given)
    assert (found.name, found.how) == (name, how)


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"a\nb\n", 2), (b"a\nb", 2), (b"a\r\nb\r\n", 2), (b"a\rb\r", 2), (b"a\n\nb\n", 3), (b'a\n"b\nc"\n', 3)],
)
def test_lines_are_counted_as_an_editor_does(tmp_path: Path, content: bytes, lines: int) -> None:
    """Each of the three kinds of line ends counts, with or without one at the end of the file."""
    assert find_encoding(write(tmp_path, content), "x.csv").lines == lines


def test_quotes_are_counted_across_blocks(tmp_path: Path) -> None:
    """The count is of the whole file, not of its first block."""
    assert find_encoding(write(tmp_path, b'"a"\n' * 700_000), "x.csv").quotes == {'"': 1_400_000}


def test_character_on_the_border_of_two_blocks_is_read_whole(tmp_path: Path) -> None:
    """UTF-8 stays valid where a character of several bytes lies across the blocks in which a file is read."""
    content = b"x" * ((1 << 20) - 1) + "é\n".encode()
    assert find_encoding(write(tmp_path, content), "x.csv").name == "UTF-8"


@pytest.mark.parametrize(
    ("content", "line", "shown"),
    [
        ("é\nü\nä\n".encode() * 10 + b"\xff\n", 31, "\\xff"),
        # Half a file in another encoding, of which both halves could be read in cp1252, one as `cafÃ©`.
        ("a,b\n1,café\n".encode() + "2,café\n3,garçon\n".encode("latin-1") * 20, 3, "caf\\xe9"),
        ("1,more…\n".encode() + b"2,d\xe9j\xe0\n" * 3, 2, "d\\xe9j\\xe0"),
    ],
)
def test_damaged_utf8_is_not_taken_for_another_encoding(tmp_path: Path, content: bytes, line: int, shown: str) -> None:
    """A few valid characters are enough: no other encoding has them, and assuming one would spoil them. The line is named."""
    path = write(tmp_path, content)
    with pytest.raises(DataUnreadable, match=f"line {line} is not valid") as raised:
        find_encoding(path, "x.csv")
    assert raised.value.details == {"line": line}
    assert f": `{shown}`" in raised.value.what
    assert find_encoding(path, "x.csv", given_by(raised.value)).name == "cp1252"


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        ("東京都 大阪府 ひらがな カタカナ 名前 株式会社 山田太郎 いいえ", "shift-jis", "cp932"),
        ("東京都 大阪府 ひらがな カタカナ 名前 りんご サッカー いいえ はい", "euc-jp", "euc_jp"),
        ("北京市 上海市 广东省 数据 名称 苹果 张伟 公司 深圳 二手房 销售", "gbk", "gb18030"),
        ("臺北市 高雄市 新竹縣 數據 名稱 電腦 陳小明 醫院 學校 銷售", "big5", "cp950"),
        ("서울시 부산시 대한민국 이름 주소 바나나 김철수 아니오 남자 판매", "euc-kr", "cp949"),
    ],
)
def test_east_asian_encodings_are_found(tmp_path: Path, text: str, codec: str, found: str) -> None:
    """By what reads well, and told with a word of the file: it is no certainty."""
    lines = [f"{number},ok,{word}\n" for number, word in enumerate(text.split() * 4)]
    encoding = find_encoding(write(tmp_path, ("a,b,c\n" + "".join(lines)).encode(codec)), "x.csv")
    assert (encoding.name, encoding.how) == (found, "by its characters")
    assert encoding.note is not None
    assert f"was taken for {found}" in encoding.note
    assert f"line 2 has `{text.split(maxsplit=1)[0]}`" in encoding.note
    other = re.search(r'"encoding": "(\w+)"', encoding.note)
    assert other is None or find_encoding(tmp_path / "raw-data", "x.csv", other[1]).codec == other[1]


def test_what_reads_well_in_several_encodings_is_refused(tmp_path: Path) -> None:
    """With what each would make of it, and a line to paste that is one of them."""
    path = write(tmp_path, "a,b\n1,中国\n".encode("gbk"))
    with pytest.raises(
        DataUnreadable, match=r"too short to tell which of [2-5] encodings it is in: .*`中国` in gb18030"
    ) as raised:
        find_encoding(path, "x.csv")
    assert "gb18030" in raised.value.details["encodings"]
    assert "which of them reads right: if the first does, give {" in raised.value.fix
    assert find_encoding(path, "x.csv", given_by(raised.value)).codec == raised.value.details["encodings"][0]


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("id,stadt\n1,Zürich\n", "cp1252"),
        ("id,note\n1,«CAFÉ»\n2,Spaß»\n3,10 €\n", "cp1252"),
        ("id,city\n1,Москва\n2,Пётр\n3,Санкт-Петербург\n4,яблоко\n5,Россия\n", "cp1251"),
        ("id,city\n1,Москва\n2,Пётр\n3,Санкт-Петербург\n4,яблоко\n5,Россия\n", "koi8_r"),
        ("id,city\n1,Αθήνα\n2,Θεσσαλονίκη\n3,όνομα\n4,τιμή\n", "cp1253"),
    ],
)
def test_an_assumption_is_told_with_what_it_makes_of_a_word(tmp_path: Path, text: str, codec: str) -> None:
    """A person sees whether it is right, what it would be in another encoding, and which line says so."""
    path = write(tmp_path, text.encode(codec))
    found = find_encoding(path, "x.csv")
    assert found.how == "assumed"
    word = next(word for word in text.replace("\n", ",").split(",") if not word.isascii())
    assert found.note is not None
    assert f"line 2 has `{word.encode(codec).decode('cp1252')}`" in found.note
    # What reads like text comes first, and is what to give.
    assert codec == "cp1252" or f" It would be `{word}` in {codec} (" in found.note
    other = re.findall(r"` in (\w+) \(", found.note)[0]
    assert found.note.endswith(f'{{"ingestion_config": {{"encoding": "{other}"}}}}')


def test_no_encoding_is_proposed_that_reads_the_word_alike(tmp_path: Path) -> None:
    """What is to be given is the first of those shown; one that changes nothing would silence the note, and help nobody."""
    text = "id,city\n" + "1,Łódź\n2,Gdańsk\n3,Kraków\n" * 20
    note = find_encoding(write(tmp_path, text.encode("cp1250")), "x.csv").note
    assert note is not None
    assert "It would be `Łódź` in cp1250" in note
    assert note.endswith('such as {"ingestion_config": {"encoding": "cp1250"}}')


@pytest.mark.parametrize("word", ["25°", "Köln", "Lévy", "½", "São", "Übermaß", "«oui»", "Žižka", "É", "é€"])
@pytest.mark.parametrize("rows", [1, 20])
def test_a_few_western_letters_are_not_taken_for_east_asian_ones(tmp_path: Path, word: str, rows: int) -> None:
    """A degree sign alone would be a kana, and `ö` with the letter behind it a Chinese one."""
    found = find_encoding(write(tmp_path, ("a,b\n" + f"1,{word}\n" * rows).encode("cp1252")), "x.csv")
    assert (found.name, found.how) == ("cp1252", "assumed")


def test_what_is_certain_has_no_note(tmp_path: Path) -> None:
    """UTF-8 is told by itself, and what was given needs no word."""
    assert find_encoding(write(tmp_path, TEXT.encode()), "x.csv").note is None
    assert find_encoding(write(tmp_path, TEXT.encode("cp1252")), "x.csv", "cp1252").note is None


@pytest.mark.parametrize(
    ("content", "word"),
    [(TEXT.encode(), "grÃ¶ÃŸe"), ("a\nJosé\nJosé\n".encode() + "Köln\n".encode("cp1252"), "JosÃ©")],
)
def test_utf8_that_was_given_as_another_encoding_is_told(tmp_path: Path, content: bytes, word: str) -> None:
    """It is read as a person says, with what that makes of a word."""
    note = find_encoding(write(tmp_path, content), "x.csv", "cp1252").note
    assert note is not None
    assert f"seems to be UTF-8: line {1 if 'gr' in word else 2} has `{word.partition(',')[2] or word}`" in note


@pytest.mark.parametrize(
    ("content", "valid", "damaged"),
    [
        (b"a\n" + "Köln\n".encode() * 3 + "Köln\n".encode("cp1252"), 3, 1),
        (b"a\n" + "Köln\n".encode("cp1252") * 3 + "Köln\n".encode(), 1, 3),
    ],
)
def test_a_file_in_two_encodings_is_said_to_be_one(tmp_path: Path, content: bytes, valid: int, damaged: int) -> None:
    """With how many lines are in UTF-8."""
    said = (
        f"in two encodings, or damaged: of {valid + damaged} lines with characters beyond ASCII {valid} (is|are) UTF-8"
    )
    with pytest.raises(DataUnreadable, match=said):
        find_encoding(write(tmp_path, content), "x.csv")


def test_no_encoding_is_named_that_the_file_is_not_valid_in(tmp_path: Path) -> None:
    """A byte that Windows-1252 does not define rules it out, and so does a byte order mark."""
    for content in ("Köln\n".encode() + b"\x81\n", "Köln\n".encode("utf-8-sig") + b"\xff\n"):
        with pytest.raises(DataUnreadable) as raised:
            find_encoding(write(tmp_path, content), "x.csv")
        assert "{" not in raised.value.fix


def test_bytes_are_no_text(tmp_path: Path) -> None:
    """No encoding is proposed for what has control characters throughout."""
    with pytest.raises(DataUnreadable, match=r"no text: \d+ of its first 2,540 bytes"):
        find_encoding(write(tmp_path, bytes(range(253, -1, -1)) * 10), "x.csv")


def test_cut_utf16_is_unreadable(tmp_path: Path) -> None:
    """A file with a byte order mark that breaks off inside a character is damaged."""
    with pytest.raises(DataUnreadable, match="UTF-16"):
        find_encoding(write(tmp_path, TEXT.encode("utf-16")[:-1]), "x.csv")


@pytest.mark.parametrize("text", [TEXT, "城市,标签\n北京市,好\n上海市,坏\n", "[[1, 2]]"])
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf16_without_a_mark_is_named_with_the_parameter_to_give(tmp_path: Path, codec: str, text: str) -> None:
    """It is not guessed, but what to give is said in full."""
    with pytest.raises(DataUnreadable, match="without a byte order mark") as raised:
        find_encoding(write(tmp_path, text.encode(codec)), "x.csv")
    assert f'{{"ingestion_config": {{"encoding": "{codec}"}}}}' in raised.value.fix


def test_iso_2022_jp_is_named_with_the_parameter_to_give(tmp_path: Path) -> None:
    """It is of ASCII characters alone, commas and quotes among them; a text with others is none."""
    text = "a,b\n1,東京都\n2,横浜\n"
    path = write(tmp_path, text.encode("iso2022_jp"))
    with pytest.raises(DataUnreadable, match="in ISO-2022-JP: it has escape sequences of that") as raised:
        find_encoding(path, "x.csv")
    assert 'Give {"ingestion_config": {"encoding": "iso2022_jp"}}' in raised.value.fix
    assert find_encoding(path, "x.csv", "iso2022_jp").last_line == "2,横浜"
    assert find_encoding(write(tmp_path, text.encode("iso2022_jp") + "é".encode()), "x.csv").name == "UTF-8"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_was_written_as_utf8_twice_is_told(tmp_path: Path, mark: bytes) -> None:
    """It is read as it stands; a capital Ã before a letter or a quotation mark is one."""
    twice = "a,b\n1,Köln\n".encode().decode("cp1252").encode()
    note = find_encoding(write(tmp_path, mark + twice), "x.csv").note
    assert note is not None
    assert note.startswith("Line 2 has `Ã¶`, which seems to be `ö`, written as UTF-8 twice.")
    assert find_encoding(write(tmp_path, mark + "a\nNÃO\n«IRMÃ»\nIRMÃ\xa0\n".encode()), "x.csv").note is None


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_nul_characters_at_the_end_are_told_as_that(tmp_path: Path, codec: str) -> None:
    """No editor shows a line there; it is what a crash leaves."""
    nul = "\0" * 3_000_000
    with pytest.raises(DataUnreadable, match="ends with NUL characters, from line 3 on") as raised:
        find_encoding(write(tmp_path, f"a,b\n1,2\n{nul}".encode(codec)), "x.csv")
    assert raised.value.fix == "Write it again; or, if all rows are there, take these characters out."
    with pytest.raises(DataUnreadable, match="Line 3 has a NUL"):
        find_encoding(write(tmp_path, f"a,b\n1,2\n{nul}3,4\n".encode(codec)), "x.csv")


def test_nul_character_is_named_with_its_line(tmp_path: Path) -> None:
    """No text has NUL characters; a file that does was damaged or is no text."""
    with pytest.raises(DataUnreadable, match="Line 3 has a NUL") as raised:
        find_encoding(write(tmp_path, b"a,b\n1,2\n3,\x004\n" + b"5,6\n" * 10), "x.csv")
    assert raised.value.details == {"line": 3}


@pytest.mark.parametrize(
    ("given", "hint"), [("utf-88", "Did you mean `utf-8`?"), ("rot13", ""), ("base64", ""), ("idna", ""), ("a\0b", "")]
)
def test_unknown_encoding_is_a_fault_of_the_request(tmp_path: Path, given: str, hint: str) -> None:
    """Names that Python does not know, or that are no encodings of text, are refused, with the near miss."""
    with pytest.raises(ParameterInvalid, match="no character encoding") as raised:
        find_encoding(write(tmp_path, b"a\n"), "x.csv", given)
    assert hint in raised.value.what
    assert hint or "Did you mean" not in raised.value.what


def test_given_encoding_that_does_not_fit_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """It is not replaced by one that fits; the line that shows it is named."""
    with pytest.raises(ParameterInvalid, match="line 2 of the file is not valid in it"):
        find_encoding(write(tmp_path, "a\né\n".encode()), "x.csv", "ascii")


@pytest.mark.parametrize("given", ["utf-16", "UTF_16", "utf-32"])
def test_given_encoding_that_needs_a_mark_is_a_fault_of_the_request(tmp_path: Path, given: str) -> None:
    """Without one the order of its bytes is not known."""
    with pytest.raises(ParameterInvalid, match="does not begin with the byte order mark"):
        find_encoding(write(tmp_path, TEXT.encode()), "x.csv", given)


def test_a_codec_that_names_no_byte_is_a_fault_of_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every error of Python's codecs says where it is."""

    class Decoder(codecs.IncrementalDecoder):
        def decode(self, *_: object, **__: object) -> str:
            raise UnicodeError("no place")

    monkeypatch.setattr(codecs, "getincrementaldecoder", lambda _: Decoder)
    with pytest.raises(ParameterInvalid, match="line 1 of the file is not valid in it"):
        find_encoding(write(tmp_path, b"a\n"), "x.csv", "ascii")


@pytest.mark.parametrize("given", ["utf-16-le", "utf-16-be"])
def test_given_encoding_that_finds_no_line_end_is_a_fault_of_the_request(tmp_path: Path, given: str) -> None:
    """Any two bytes are a character in UTF-16; JSON may be one line."""
    with pytest.raises(ParameterInvalid, match="in which the file has no line end and no other character of ASCII"):
        find_encoding(write(tmp_path, b"a,b\n1,2\n" * 10), "x.csv", given)
    assert find_encoding(write(tmp_path, "[[1, 2]]".encode(given)), "x.json", given).lines == 1


def test_given_encoding_that_contradicts_the_mark_is_a_fault_of_the_request(tmp_path: Path) -> None:
    """A byte order mark is sure; Windows-1252 would read it as characters of the first column's name."""
    with pytest.raises(ParameterInvalid, match="byte order mark of UTF-8"):
        find_encoding(write(tmp_path, TEXT.encode("utf-8-sig")), "x.csv", "cp1252")


def test_a_line_without_an_end_is_refused_before_it_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks for faults reads whole lines, so a file in one line would take as much memory as it has bytes."""
    monkeypatch.setattr(text_encoding, "_MOST_CHARACTERS", 1 << 20)
    path = write(tmp_path, b"a,b\n" + b"1,2 " * 600_000)
    with pytest.raises(DataUnreadable, match="Line 2 has more than 1,048,576 characters"):
        find_encoding(path, "x.csv")
    assert find_encoding(write(tmp_path, b"1,2,3,4\n" * 300_000), "x.csv").lines == 300_000
