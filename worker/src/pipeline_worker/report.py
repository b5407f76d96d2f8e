"""`report.html`: one page on a published model that needs nothing else: no network, no script, figures inside."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from . import report_style

_MAX_COLUMNS, _MAX_RULES, _MAX_CLASSES = 60, 60, 60
_WORDS = {
    "roc_auc": "ROC AUC",
    "f1_macro": "F1, mean of the classes",
    "f1_weighted": "F1, weighted by rows",
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "median_ae": "median absolute error",
    "r2": "R²",
    "mape": "MAPE",
}
_CAPTIONS = {
    "confusion_matrix": "Rows of the test part by their actual and predicted class.",
    "curves": "How well the two classes are told apart, at every threshold.",
    "predictions": "Predicted and actual values of the test part, and the errors.",
    "importance": "Each column shuffled in the test part: the more the error grows, the more the model relies on it.",
}


@dataclass(frozen=True)
class Report:
    """What the page tells; *trained* are the facts of `train`, and the rest the contents of the objects so called.

    :param figures: name → PNG.
    :param links: label → address; an address is only linked if it is one of the web.
    """

    dataset: str
    run_key: str
    file: str
    landed_at: str
    trained: Mapping[str, Any]
    request: Mapping[str, Any]
    profile: Mapping[str, Any]
    summary: Mapping[str, Any]
    metrics: Mapping[str, Any]
    figures: Mapping[str, bytes]
    location: str
    digest: str
    version: int
    has_alias: bool
    links: Mapping[str, str]


def write_report(report: Report) -> str:
    """Return the page as HTML; every value is escaped."""
    parts = [
        _write_head(report),
        _write_tiles(report),
        _section("How good it is", _write_metrics(report), _write_figures(report), _write_classes(report)),
        _section("To know", _write_notes(report)),
        _section("Use it", _write_usage(report)),
        _section("Data", _write_columns(report)),
        _section("Validation", _write_rules(report)),
        _section("How it was made", _write_parameters(report)),
    ]
    title = escape(f"{report.dataset}, version {report.version}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{report_style.CSS}</style></head>\n"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _write_head(report: Report) -> str:
    links = "".join(f"<li>{_link(address, label)}</li>" for label, address in report.links.items())
    badge = '<span class="badge">newest</span>' if report.has_alias else ""
    trained = report.trained
    return (
        f"<header><p class=over>model of the dataset</p><h1>{escape(report.dataset)} "
        f"<small>version {report.version}</small>{badge}</h1>"
        f"<p>{_text(trained.get('model_name'))} predicts <b>{_text(trained.get('target_column'))}</b>, "
        f"from <code>{escape(report.file)}</code>, which landed at {escape(report.landed_at)}.</p>"
        f"<ul class=links>{links}</ul></header>"
    )


def _write_tiles(report: Report) -> str:
    name = _headline(report)
    model, baseline = report.metrics.get("model", {}), report.metrics.get("baseline", {})
    rows = report.trained.get("rows", {})
    tiles = [
        (_words(name), _number(model.get(name)), f"baseline {_number(baseline.get(name))}"),
        (
            "rows",
            _count(report.profile.get("rows")),
            f"{_count(rows.get('train'))} learned, {_count(rows.get('test'))} tested",
        ),
        ("features", _count(report.trained.get("features")), _say_dropped(report)),
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


def _write_metrics(report: Report) -> str:
    model, baseline = report.metrics.get("model", {}), report.metrics.get("baseline", {})
    less = set(report.metrics.get("less_is_better", []))
    rows = [
        [
            f"{escape(_words(name))}{' <small>less is better</small>' if name in less else ''}",
            f"<b>{_number(value)}</b>",
            _number(baseline.get(name)),
        ]
        for name, value in model.items()
    ]
    note = "the share of each class" if report.metrics.get("kind") == "classification" else "the mean"
    positive = report.metrics.get("positive_class")
    about = f" Average precision is about the class <b>{_text(positive)}</b>." if positive is not None else ""
    return _table(["on the test part", "model", "baseline"], rows, numbers={1, 2}) + (
        f"<p class=quiet>The baseline knows nothing of the features, and always predicts {note}. "
        f"The model that was measured is the one that is published: it has never seen the test part.{about}</p>"
    )


def _write_figures(report: Report) -> str:
    pictures = "".join(
        f'<figure><img alt="{escape(name.replace("_", " "))}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        f"<figcaption>{escape(_CAPTIONS.get(name, ''))}</figcaption></figure>"
        for name, content in report.figures.items()
    )
    return f"<div class=figures>{pictures}</div>" if pictures else ""


def _write_classes(report: Report) -> str:
    classes = report.metrics.get("per_class") or {}
    rows = [
        [
            _text(label),
            *(_number(values.get(name)) for name in ("precision", "recall", "f1")),
            _count(values.get("rows")),
        ]
        for label, values in list(classes.items())[:_MAX_CLASSES]
    ]
    return _table(["class", "precision", "recall", "F1", "test rows"], rows, numbers={1, 2, 3, 4}) if rows else ""


def _write_notes(report: Report) -> str:
    trained = report.trained
    notes = [f"{_text(note)}" for note in trained.get("notes", [])]
    notes += [f"<code>{_text(name)}</code>: {_text(why)}" for name, why in trained.get("suspect_columns", {}).items()]
    notes += [f"<code>{_text(name)}</code> = {_text(why)}" for name, why in trained.get("defaults_chosen", {}).items()]
    return "<ul>" + "".join(f"<li>{note}</li>" for note in notes) + "</ul>" if notes else ""


def _write_usage(report: Report) -> str:
    name = f"models:/{report.dataset}@newest" if report.has_alias else f"models:/{report.dataset}/{report.version}"
    code = (
        "import mlflow, pandas\n\n"
        "# once: pip install -r with the file that this names\n"
        f"print(mlflow.pyfunc.get_model_dependencies({name!r}))\n\n"
        f"model = mlflow.pyfunc.load_model({name!r})\n"
        f"model.predict(pandas.read_csv({report.file.rpartition('/')[2]!r}))"
    )
    return (
        f"<pre>{escape(code)}</pre><p class=quiet>Rows may have more columns than the model needs, dates as text and "
        "missing values; dicts, or a list of them, do as well.</p>"
        + _table(
            [],
            [
                ["file", f"<code>{escape(report.location)}</code>"],
                ["digest", f"<code>{escape(report.digest)}</code>"],
                ["run key", f"<code>{escape(report.run_key)}</code>"],
            ],
        )
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
        distinct = f"{'≥ ' if column.get('distinct_is_at_least') else ''}{_count(column.get('distinct'))}"
        shown = spread if len(spread) <= 60 else spread[:59] + "…"
        rows.append(
            [
                f"<code>{_text(name)}</code>" + (f" <span class=role>{role}</span>" if role else ""),
                _text(column.get("type")),
                _count(column.get("missing")),
                distinct,
                escape(shown),
            ]
        )
    more = len(columns) - len(rows)
    note = f"<p class=quiet>and {more} columns more, in profile.json</p>" if more > 0 else ""
    return _table(["column", "type", "missing", "distinct", "values"], rows, numbers={2, 3}) + note if rows else ""


def _write_rules(report: Report) -> str:
    rows = [
        [
            _text(rule.get("rule")),
            f"<code>{_text(rule['column'])}</code>" if rule.get("column") else "",
            _text(rule.get("expected")),
            _text(rule.get("found")),
            "holds" if rule.get("satisfied") else "<b>violated</b>",
        ]
        for rule in report.summary.get("rules", [])[:_MAX_RULES]
    ]
    return _table(["rule", "column", "expected", "found", ""], rows) if rows else ""


def _write_parameters(report: Report) -> str:
    shown = {name: value for name, value in report.request.items() if value not in (None, [], {}, "")}
    rows = [[f"<code>{_text(name)}</code>", f"<code>{_text(_plain(value))}</code>"] for name, value in shown.items()]
    return f"<p>{_text(report.trained.get('target_rule'))}.</p>" + _table(["parameter", "value"], rows)


def _section(title: str, *parts: str) -> str:
    content = "".join(parts)
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], numbers: Iterable[int] = ()) -> str:
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


def _headline(report: Report) -> str:
    name = str(report.trained.get("headline_metric"))
    return name if name in report.metrics.get("model", {}) else "rmse"


def _say_dropped(report: Report) -> str:
    unused = len(report.trained.get("unused_columns", []))
    dropped = len(report.request.get("drop_columns") or [])
    words = [f"{dropped} dropped"] * bool(dropped) + [f"{unused} ignored"] * bool(unused)
    return ", ".join(words) or "none dropped"


def _link(address: str, label: str) -> str:
    if not address.startswith(("http://", "https://")):
        return f"{escape(label)}: <code>{escape(address)}</code>"
    return f'<a href="{escape(address)}" rel="noreferrer">{escape(label)}</a>'


def _words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _number(value: Any) -> str:
    return "–" if not isinstance(value, (int, float)) else f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def _count(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) else "–"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(value: Any) -> str:
    return escape(str(value))
