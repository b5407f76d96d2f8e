"""Great Expectations' own expectations that `data_validation.expectations` may ask for, with their arguments."""

from __future__ import annotations

from dataclasses import dataclass, field

#: What an argument is. `value` and `values` are of the column's type, `pairs` of the types of two columns.
#: One ending in `!` has to be given.
Kind = str

_NUMBERS = frozenset({"integer", "number"})
_ORDERED = _NUMBERS | {"date", "timestamp", "time"}
_TEXT = frozenset({"text"})
_ANY = _ORDERED | _TEXT | {"boolean"}

_MISSING_IN_PAIR = "both_values_are_missing|either_value_is_missing|neither"
_MISSING_IN_LIST = "all_values_are_missing|any_value_is_missing|never"


@dataclass(frozen=True)
class Offered:
    """What is offered under the name of an expectation.

    :param arguments: name → kind, without those that name columns, and without `mostly`.
    :param columns: the arguments that name columns; none for what is about the table.
    :param types: the types that these columns may have.
    :param has_mostly: whether it is about values, so that a share of them may be against it.
    :param is_row_by_row: whether a part of the rows can be looked at without the others.
    :param is_plain: whether Great Expectations cannot compute it on whole numbers that pandas keeps beside missing ones.
    """

    arguments: dict[str, Kind] = field(default_factory=dict)
    columns: tuple[str, ...] = ("column",)
    types: frozenset[str] = _ANY
    has_mostly: bool = False
    is_row_by_row: bool = False
    is_plain: bool = False

    @property
    def measures_values(self) -> bool:
        """Whether what is measured is of the column's type, and no number or share of values."""
        return any(kind.removesuffix("!") in {"value", "values", "quantiles"} for kind in self.arguments.values())


def _measure(types: frozenset[str] = _ANY, *, is_plain: bool = False, **arguments: Kind) -> Offered:
    """One figure of a whole column."""
    return Offered(arguments, types=types, is_plain=is_plain)


def _between(kind: Kind, types: frozenset[str] = _ANY, *, of_each: bool = False) -> Offered:
    """A figure of a whole column, or of each of its values, that has to lie between bounds."""
    bounds = {"min_value": kind, "max_value": kind, "strict_min": "flag", "strict_max": "flag"}
    return Offered(bounds, types=types, has_mostly=of_each, is_row_by_row=of_each)


def _each(types: frozenset[str] = _ANY, *, is_row_by_row: bool = True, **arguments: Kind) -> Offered:
    """Each value of a column."""
    return Offered(arguments, types=types, has_mostly=True, is_row_by_row=is_row_by_row)


def _pair(types: frozenset[str] = _ANY, **arguments: Kind) -> Offered:
    """Each row of two columns."""
    given = arguments | {"ignore_row_if": _MISSING_IN_PAIR}
    return Offered(given, ("column_A", "column_B"), types, has_mostly=True, is_row_by_row=True, is_plain=True)


def _several(types: frozenset[str] = _ANY, *, is_row_by_row: bool = True, **arguments: Kind) -> Offered:
    """Each row of some columns."""
    given = arguments | {"ignore_row_if": _MISSING_IN_LIST}
    return Offered(given, ("column_list",), types, has_mostly=True, is_row_by_row=is_row_by_row, is_plain=True)


def _table(**arguments: Kind) -> Offered:
    return Offered(arguments, columns=())


OFFERED: dict[str, Offered] = {
    "expect_column_distinct_values_to_be_in_set": _measure(value_set="values!"),
    "expect_column_distinct_values_to_contain_set": _measure(value_set="values!"),
    "expect_column_distinct_values_to_equal_set": _measure(value_set="values!"),
    "expect_column_kl_divergence_to_be_less_than": _measure(
        _NUMBERS | _TEXT,
        is_plain=True,
        partition_object="partition!",
        threshold="size!",
        internal_weight_holdout="share",
        tail_weight_holdout="share",
        bucketize_data="flag",
    ),
    "expect_column_max_to_be_between": _between("value", _ORDERED),
    "expect_column_mean_to_be_between": _between("value", _ORDERED - {"time"}),
    "expect_column_median_to_be_between": _between("value", _ORDERED),
    "expect_column_min_to_be_between": _between("value", _ORDERED),
    "expect_column_most_common_value_to_be_in_set": _measure(value_set="values!", ties_okay="flag"),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(_ORDERED, or_equal="flag"),
    "expect_column_pair_values_to_be_equal": _pair(),
    "expect_column_pair_values_to_be_in_set": _pair(value_pairs_set="pairs!"),
    "expect_column_proportion_of_non_null_values_to_be_between": _between("share"),
    "expect_column_proportion_of_unique_values_to_be_between": _between("share"),
    "expect_column_quantile_values_to_be_between": _measure(
        # Great Expectations takes numbers alone as bounds, which times of day are to pandas.
        _NUMBERS | {"time"},
        quantile_ranges="quantiles!",
        allow_relative_error="flag",
    ),
    "expect_column_stdev_to_be_between": _between("number", _NUMBERS),
    "expect_column_sum_to_be_between": _between("number", _NUMBERS),
    "expect_column_to_exist": _measure(column_index="count"),
    "expect_column_unique_value_count_to_be_between": _between("count"),
    "expect_column_value_lengths_to_be_between": _between("count", _TEXT, of_each=True),
    "expect_column_value_lengths_to_equal": _each(_TEXT, value="count!"),
    "expect_column_value_z_scores_to_be_less_than": _each(
        _NUMBERS, is_row_by_row=False, threshold="number!", double_sided="flag!"
    ),
    "expect_column_values_to_be_between": _between("value", _ORDERED, of_each=True),
    "expect_column_values_to_be_dateutil_parseable": _each(_TEXT),
    "expect_column_values_to_be_decreasing": _each(_ORDERED, is_row_by_row=False, strictly="flag"),
    "expect_column_values_to_be_in_set": _each(value_set="values!"),
    "expect_column_values_to_be_increasing": _each(_ORDERED, is_row_by_row=False, strictly="flag"),
    "expect_column_values_to_be_json_parseable": _each(_TEXT),
    "expect_column_values_to_be_null": _each(),
    "expect_column_values_to_be_unique": _each(is_row_by_row=False),
    "expect_column_values_to_match_json_schema": _each(_TEXT, json_schema="schema!"),
    "expect_column_values_to_match_regex": _each(_TEXT, regex="regex!"),
    "expect_column_values_to_match_regex_list": _each(_TEXT, regex_list="regexes!", match_on="any|all"),
    "expect_column_values_to_match_strftime_format": _each(_TEXT, strftime_format="strftime!"),
    "expect_column_values_to_not_be_in_set": _each(value_set="values!"),
    "expect_column_values_to_not_be_null": _each(),
    "expect_column_values_to_not_be_outliers": _each(
        _NUMBERS, is_row_by_row=False, method="iqr|std", multiplier="size"
    ),
    "expect_column_values_to_not_match_regex": _each(_TEXT, regex="regex!"),
    "expect_column_values_to_not_match_regex_list": _each(_TEXT, regex_list="regexes!"),
    "expect_compound_columns_to_be_unique": _several(is_row_by_row=False),
    "expect_multicolumn_sum_to_equal": _several(_NUMBERS, sum_total="number!"),
    "expect_multicolumn_values_to_be_equal": _several(),
    "expect_select_column_values_to_be_unique_within_record": _several(),
    "expect_table_column_count_to_be_between": _table(min_value="count", max_value="count"),
    "expect_table_column_count_to_equal": _table(value="count!"),
    "expect_table_columns_to_match_ordered_list": _table(column_list="names!"),
    "expect_table_columns_to_match_set": _table(column_set="names!", exact_match="flag"),
    "expect_table_row_count_to_be_between": _table(
        min_value="count", max_value="count", strict_min="flag", strict_max="flag"
    ),
    "expect_table_row_count_to_equal": _table(value="count!"),
}

_NEEDS_SQL = "it needs a database that speaks SQL"
_LIKE = "it needs a database that speaks SQL; `expect_column_values_to_match_regex` and the like do the same with a regular expression"
_OF_TYPE = 'a type is given by {"ingestion_config": {"column_types": {"size": "integer"}}}, and a cell of another one is refused'

#: Expectations of Great Expectations that are not offered, and why.
REFUSED: dict[str, str] = {
    "expect_column_type_to_be": _OF_TYPE,
    "expect_column_values_to_be_in_type_list": _OF_TYPE,
    "expect_column_values_to_be_of_type": _OF_TYPE,
    "expect_column_values_to_match_like_pattern": _LIKE,
    "expect_column_values_to_match_like_pattern_list": _LIKE,
    "expect_column_values_to_not_match_like_pattern": _LIKE,
    "expect_column_values_to_not_match_like_pattern_list": _LIKE,
    "expect_query_results_to_match_comparison": _NEEDS_SQL,
    "expect_table_row_count_to_equal_other_table": "it needs a second table",
    "unexpected_rows_expectation": _NEEDS_SQL,
}
