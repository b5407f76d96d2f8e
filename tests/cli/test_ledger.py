"""The ledger of a soak: when stages of a run were at work, what a standstill is, and what came twice."""

from cli.runs.ledger import Ledger, Span, Way, count_twice, find_standstills, read_runs


def test_attempts_are_read_from_their_folders() -> None:
    """From its beginning to its manifest or failure record; one without an end ended with the first kill after its beginning."""
    objects = [
        ("k/drop.json", 1.0),
        ("k/ingested/a.1/started.json", 2.0),
        ("k/ingested/a.1/manifest.json", 5.0),
        ("k/ingested/manifest.json", 5.0),
        ("k/training/b.1/started.json", 6.0),
        ("k/training/b.2/started.json", 20.0),
        ("k/training/b.2/failure.json", 21.0),
    ]
    assert read_runs(objects, [3.0, 9.0, 30.0]) == [Span(2.0, 5.0), Span(6.0, 9.0), Span(20.0, 21.0)]


def test_a_drop_that_nobody_claims_stands() -> None:
    """From its put to its claim, or until now; no slot is needed for that, so it stands whatever else runs."""
    busy = Way(0.0, 1.0, None, [Span(1.0, 100.0)])
    claims = [Span(0.0, 1.0)]
    assert list(find_standstills([busy, Way(10.0, 52.0, 53.0, [Span(52.0, 53.0)])], 1, 100.0)) == [
        *claims,
        Span(10.0, 52.0),
    ]
    assert list(find_standstills([busy, Way(10.0)], 1, 100.0)) == [*claims, Span(10.0, 100.0)]


def test_waiting_for_a_slot_is_no_standstill() -> None:
    """While as many stages run as there are slots nothing more could; as soon as one of them is free, something could."""
    first = Way(0.0, 0.0, 70.0, [Span(0.0, 40.0), Span(60.0, 70.0)])
    second = Way(0.0, 0.0, 80.0, [Span(70.0, 80.0)])
    assert set(find_standstills([first, second], 1, 100.0)) == {Span(40.0, 60.0)}
    assert set(find_standstills([first, second], 2, 100.0)) == {Span(40.0, 60.0), Span(0.0, 70.0)}


def test_a_standstill_belongs_to_the_kill_before_its_end() -> None:
    """Each kill has the longest one that ended after it and before the next; none is a length of nothing."""
    spans = [Span(0.0, 2.0), Span(8.0, 15.0), Span(9.0, 40.0), Span(41.0, 42.0)]
    ledger = Ledger(4, 4, 0, 0, 0, spans)
    assert ledger.longest == 31.0
    assert ledger.find_longest_after([10.0, 20.0, 50.0]) == [7.0, 31.0, 0.0]


def test_what_was_published_twice_is_counted() -> None:
    """By its run key."""
    assert count_twice(["a", "b", "a", "a", "c"]) == 1
