"""The formats of files that are read: a module for each, and a line here."""

from .json_document import JSON
from .json_lines import JSON_LINES
from .parquet import PARQUET
from .separated import CSV, TSV
from .workbook import ODS, XLS, XLSX

#: Where the bytes of a file do not say what it is, its name does; and where that does not either, it is the last of these.
FORMATS = {each.name: each for each in (PARQUET, XLSX, XLS, ODS, JSON_LINES, JSON, TSV, CSV)}

#: How the names of data files end.
DATA_ENDINGS = {ending for each in FORMATS.values() for ending in each.endings}
