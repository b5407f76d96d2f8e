"""Makes `broken.csv`: the penguins with an `id`, and with faults such as files have in earnest. The same file each time.

python3 examples/broken/make_broken.py
"""
# ruff: noqa: INP001 - a script of its own, not part of a package

import csv
from pathlib import Path

HERE = Path(__file__).parent

#: (id, column, what stands there instead)
FAULTS = [
    (3, "species", ""),  # nobody filled it in
    (57, "species", ""),
    (101, "species", "Emperor"),  # no such penguin on these islands
    (120, "body_mass_g", "37000"),  # a zero too many
    (200, "body_mass_g", "4.65"),  # kilograms
    (250, "bill_length_mm", "-48.7"),
    (300, "id", "299"),  # copied from the line above
]


def main() -> None:
    """Write the file beside this one."""
    with (HERE.parent / "penguins" / "penguins.csv").open(encoding="utf-8", newline="") as file:
        rows = [{"id": str(number), **row} for number, row in enumerate(csv.DictReader(file), start=1)]
    for number, column, value in FAULTS:
        rows[number - 1][column] = value
    with (HERE / "broken.csv").open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows(rows)


if __name__ == "__main__":
    main()
