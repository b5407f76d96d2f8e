"""The formats of files that are read: a line here for each, and the module that it names."""

#: Each format's name, and where its :class:`~.file_format.FileFormat` is, not loaded yet, as all stages read the request. Where the
#: bytes of a file do not say what it is, its name does; and where that does not either, it is the last of these.
TABLE = {
    "parquet": "parquet.PARQUET",
    "xlsx": "workbook.XLSX",
    "xls": "workbook.XLS",
    "ods": "workbook.ODS",
    "jsonl": "json_lines.JSON_LINES",
    "json": "json_document.JSON",
    "tsv": "separated.TSV",
    "csv": "separated.CSV",
}
#: What `data_format` can be, as people are told it: the most usual first.
FORMAT_NAMES = tuple(reversed(TABLE))
