"""Makes `bikes.csv`: how many bikes a made-up town hired out on each of 547 days. The same file each time.

python3 examples/bikes/make_bikes.py
"""
# ruff: noqa: INP001 - a script of its own, not part of a package
# ruff: noqa: S311 - chance that can be repeated is what is wanted here

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

FIRST_DAY = date(2024, 1, 1)
DAYS = 547
HOLIDAYS = {(1, 1), (5, 1), (8, 15), (10, 3), (12, 25), (12, 26)}
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
OF_WEATHER = {"clear": 1.0, "cloudy": 0.87, "rain": 0.5, "snow": 0.25}
COLUMNS = ["date", "weekday", "holiday", "weather", "temperature_c", "humidity_percent", "wind_kmh", "hires"]


def make_day(day: date, chance: random.Random) -> list[str]:
    """Return one row: season and weather first, then the hires that follow from them."""
    season = math.cos(2 * math.pi * (day.timetuple().tm_yday - 200) / 365)
    temperature = 11 + 10 * season + chance.gauss(0, 3.5)
    wet = "snow" if temperature < 1 else "rain"
    weather = chance.choices(["clear", "cloudy", wet], [0.45, 0.3, 0.25])[0]
    humidity = min(100, max(20, 62 + (18 if weather == wet else 0) - 0.6 * temperature + chance.gauss(0, 8)))
    wind = abs(chance.gauss(12, 7))
    is_holiday = (day.month, day.day) in HOLIDAYS
    is_free = is_holiday or day.weekday() >= 5

    hires = 420 + 32 * max(0.0, temperature) - 1.1 * max(0.0, temperature - 25) ** 2
    hires *= OF_WEATHER[weather] * (0.72 if is_free else 1.0) * (1 - 0.008 * max(0.0, wind - 15))
    hires *= 1 + 0.0006 * (day - FIRST_DAY).days  # more people hire bikes each month
    hires = max(0, round(hires * chance.gauss(1, 0.07)))

    def measured(value: float) -> str:
        # Instruments fail now and then.
        return "" if chance.random() < 0.03 else f"{value:.1f}"

    return [
        day.isoformat(),
        WEEKDAYS[day.weekday()],
        "yes" if is_holiday else "no",
        "" if chance.random() < 0.02 else weather,
        measured(temperature),
        measured(humidity),
        measured(wind),
        str(hires),
    ]


def main() -> None:
    """Write the file beside this one."""
    chance = random.Random(20240101)
    with Path(__file__).with_name("bikes.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows(make_day(FIRST_DAY + timedelta(days=number), chance) for number in range(DAYS))


if __name__ == "__main__":
    main()
