"""`report.html`: one page on a published model that needs nothing else: no network, no script, figures inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from ..validate.summary import name_subject, say_warning
from . import report_style
from .markup import show, show_count, show_name, show_note, write_link, write_section, write_table
from .report_metrics import make_tile, write_choice, write_figures, write_metrics

_MAX_COLUMNS, _MAX_RULES, _MAX_NOTES = 60, 60, 30
#: What opens a file for pandas where pandas cannot.
_MODULES = ("gzip", "io", "json", "zipfile")


@dataclass(frozen=True)
class Report:
    """What the page tells; *trained* are the facts of `train`, and the rest the contents of the objects so called.

    :param figures: name → PNG.
    :param links: label → address; an address is only linked if it is one of the web.
    """

    dataset: str
    run_key: str
    file: str
    landed_at: datetime
    trained: Mapping[str, Any]
    request: Mapping[str, Any]
    profile: Mapping[str, Any]
    summary: Mapping[str, Any]
    metrics: Mapping[str, Any]
    figures: Mapping[str, bytes]
    location: str
    digest: str
    version: int
    newest: int
    links: Mapping[str, str]

    @property
    def has_alias(self) -> bool:
        """Whether this version is the newest."""
        return self.version == self.newest


def write_report(report: Report) -> str:
    """Return the page as HTML; every value is escaped."""
    parts = [
        _write_head(report),
        _write_tiles(report),
        write_section(
            "How good it is",
            write_metrics(report.metrics, report.trained),
            write_figures(report.figures, report.metrics),
        ),
        write_section("To know", _write_notes(report)),
        write_section("Use it", _write_usage(report)),
        write_section("Data", _write_columns(report)),
        write_section("Validation", _write_rules(report)),
        write_section("How it was made", _write_parameters(report)),
    ]
    title = escape(f"{report.dataset}, version {report.version}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{report_style.CSS}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _write_head(report: Report) -> str:
    links = "".join(f"<li>{write_link(address, label)}</li>" for label, address in report.links.items())
    badge = f'<span class="badge">newest{"" if report.has_alias else f" is version {report.newest}"}</span>'
    trained = report.trained
    return (
        f"<header><p class=over>model of the dataset</p><h1>{escape(report.dataset)} "
        f"<small>version {report.version}</small>{badge}</h1>"
        f"<p>{show(trained.get('model_name'))} predicts <b>{show_name(trained.get('target_column'))}</b>, "
        f"from <code>{escape(report.file)}</code>, landed {report.landed_at:%Y-%m-%d %H:%M:%S} UTC.</p>"
        f"<ul class=links>{links}</ul></header>"
    )


def _write_tiles(report: Report) -> str:
    rows = report.trained.get("rows", {})
    parts = f"{show_count(rows.get('train'))} learned, {show_count(rows.get('test'))} tested"
    if left_out := report.trained.get("rows_without_target"):
        parts += f", {show_count(left_out)} without a target"
    tiles = [
        make_tile(report.metrics),
        ("rows", show_count(report.profile.get("rows")), parts),
        ("features", show_count(report.trained.get("features")), _say_dropped(report)),
    ]
    if report.summary:
        rules = report.summary.get("rules", [])
        held = sum(bool(rule.get("satisfied")) for rule in rules)
        tiles.append(("validation", f"{held} of {len(rules)}", "rules hold"))
    cells = "".join(
        f"<div class=tile><p>{escape(label)}</p><b>{escape(value)}</b><p>{escape(note)}</p></div>"
        for label, value, note in tiles
    )
    return f"<div class=tiles>{cells}</div>"


def _write_notes(report: Report) -> str:
    trained = report.trained
    told = report.profile.get("notes", [])
    notes = [show_note(note) for note in told[:_MAX_NOTES]]
    notes += [f"and {len(told) - _MAX_NOTES} more of the columns, in profile.json"] * (len(told) > _MAX_NOTES)
    notes += [show_note(note) for note in trained.get("notes", [])]
    notes += [
        f"<code>{show_name(name)}</code>: {show_note(why)}"
        for name, why in {**trained.get("suspect_columns", {}), **trained.get("useless_columns", {})}.items()
    ]
    broken = [rule for rule in report.summary.get("rules", []) if not rule.get("satisfied")]
    notes += [show_note(say_warning(rule)) for rule in broken[:_MAX_NOTES]]
    notes += [f"<code>{show(name)}</code> = {show(why)}" for name, why in trained.get("defaults_chosen", {}).items()]
    return "<ul>" + "".join(f"<li>{note}</li>" for note in notes) + "</ul>" if notes else ""


def _write_usage(report: Report) -> str:
    name = f"models:/{report.dataset}@newest" if report.has_alias else f"models:/{report.dataset}/{report.version}"
    reading = _write_reading(report)
    needed = sorted({"mlflow", "pandas", *(each for each in _MODULES if f"{each}." in reading)})
    code = (
        f"import {', '.join(needed)}\n\n"
        "# once: pip install -r with the file that this names\n"
        f"print(mlflow.pyfunc.get_model_dependencies({name!r}))\n"
        f"{'# and: pip install python-calamine' + chr(10) if 'calamine' in reading else ''}\n"
        f"model = mlflow.pyfunc.load_model({name!r})\n"
        f"model.predict({reading})"
    )
    return (
        f"<pre>{escape(code)}</pre><p class=quiet>The model reads the cells of the file as they are. Rows may have more columns than "
        "it needs, in another order, and missing values; dicts, or a list of them, do as well. A value that does not fit its column is "
        "an error that names it.</p>"
        + _write_otherwise(report)
        + write_table(
            [],
            [
                ["file", f"<code>{escape(report.location)}</code>"],
                ["digest", f"<code>{escape(report.digest)}</code>"],
                ["run key", f"<code>{escape(report.run_key)}</code>"],
            ],
        )
    )


def _write_reading(report: Report) -> str:
    """Return the call of pandas that gives the rows of the file, as `ingest` found it to be written."""
    call = report.profile.get("pandas", {})
    options = "".join(f", {name}={value!r}" for name, value in call.get("options", {}).items())
    argument = call.get("argument", "{file}").replace("{file}", repr(report.file.rpartition("/")[2]))
    reading = f"pandas.{call.get('function', 'read_csv')}({argument}{options})"
    if "reset_index" in call:
        reading += f".reset_index({', '.join(f'{name}={value!r}' for name, value in call['reset_index'].items())})"
    return reading


def _write_otherwise(report: Report) -> str:
    """Return a word on the columns of which this call does not give all that `ingest` saw."""
    columns = report.profile.get("pandas", {}).get("reads_otherwise", {})
    listed = "; ".join(f"<code>{show_name(name)}</code>: {show(why)}" for name, why in columns.items())
    if not listed:
        return ""
    return (
        "<p class=quiet>This call does not see all that the file says; give the model these columns as dataset.parquet has them. "
        f"{listed}.</p>"
    )


def _write_columns(report: Report) -> str:
    columns = report.profile.get("columns", [])
    target, dropped = report.trained.get("target_column"), set(report.request.get("drop_columns") or [])
    unused = set(report.trained.get("unused_columns", []))
    rows = []
    for column in columns[:_MAX_COLUMNS]:
        name = column.get("name")
        role = "target" if name == target else "dropped" if name in dropped else "ignored" if name in unused else ""
        frequent = ", ".join(str(each.get("value")) for each in (column.get("most_frequent") or [])[:4])
        spread = f"{column['min']} to {column['max']}" if column.get("min") is not None else frequent
        distinct = f"{'≥ ' if column.get('distinct_is_at_least') else ''}{show_count(column.get('distinct'))}"
        shown = spread if len(spread) <= 60 else spread[:59] + "…"
        rows.append(
            [
                f"<code>{show_name(name)}</code>" + (f" <span class=role>{role}</span>" if role else ""),
                show(column.get("type")),
                show_count(column.get("missing")),
                distinct,
                escape(shown),
            ]
        )
    more = len(columns) - len(rows)
    note = f"<p class=quiet>and {more} columns more, in profile.json</p>" if more > 0 else ""
    return write_table(["column", "type", "missing", "distinct", "values"], rows, numbers={2, 3}) + note if rows else ""


def _write_rules(report: Report) -> str:
    rows = [
        [
            show(rule.get("rule")),
            f"<code>{show_name(name_subject(rule))}</code>" if name_subject(rule) else "",
            show(rule.get("expected")),
            show(rule.get("found")),
            "holds" if rule.get("satisfied") else "<b>warning</b>",
        ]
        for rule in report.summary.get("rules", [])[:_MAX_RULES]
    ]
    return write_table(["rule", "column", "expected", "found", ""], rows) if rows else ""


def _write_parameters(report: Report) -> str:
    shown = {name: value for name, value in report.request.items() if value not in (None, [], {}, "")}
    rows = [[f"<code>{show(name)}</code>", f"<code>{show(_plain(value))}</code>"] for name, value in shown.items()]
    return (
        f"<p>{show_note(report.trained.get('target_rule'))}.</p>"
        + write_choice(report.metrics)
        + write_table(["parameter", "value"], rows)
    )


def _say_dropped(report: Report) -> str:
    unused = len(report.trained.get("unused_columns", []))
    dropped = len(report.request.get("drop_columns") or [])
    words = [f"{dropped} dropped"] * bool(dropped) + [f"{unused} ignored"] * bool(unused)
    return ", ".join(words) or "none dropped"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
