"""What the pipeline found, beside what the CSV files say on their own."""

import csv
import glob
import json
import re
import sys
from collections import Counter

CAUSES = ["departure", "air", "ground"]
FIRST = 5
# An hour with fewer flights of an airline says little of it.
FLIGHTS_MIN = 10


def main():
    arrived, late_by_csv = count_csv()
    delayed = list(read_delayed())
    late = Counter(flight["origin"] for flight in delayed)
    causes = Counter((flight["origin"], flight["likely_cause"]) for flight in delayed)
    names = {flight["origin"]: flight["origin_name"] for flight in delayed}

    print(f"{'from':<22}{'arrived':>9}{'late':>8}{'share':>7}   lost mostly " + head(CAUSES))
    for origin in sorted(arrived):
        share = f"{late[origin] / arrived[origin]:.1%}"
        lost = head(f"{causes[origin, cause]:,}" for cause in CAUSES)
        print(
            f"{names.get(origin, origin):<22}{arrived[origin]:>9,}{late[origin]:>8,}{share:>7}"
            f"               {lost}"
        )

    print(f"\nThe first {FIRST} late flights, by schedule in UTC:")
    delayed.sort(key=lambda flight: (flight["scheduled"], flight["carrier"], flight["flight"]))
    for flight in delayed[:FIRST]:
        print(
            f"  {flight['scheduled']}  {flight['carrier']} {flight['flight']:<5}"
            f"{flight['origin']}-{flight['dest']}  {flight['arr_delay']:>4} min  "
            f"{flight['delay_class']}, {flight['likely_cause']}  ({flight['airline']})"
        )

    print(f"\nThe worst hours of an airline with {FLIGHTS_MIN} flights or more:")
    hours = [hour for hour in rows("airline_hours") if int(hour["flights"]) >= FLIGHTS_MIN]
    hours.sort(key=lambda hour: (-float(hour["mean_delay"]), hour["hour"], hour["airline"]))
    for hour in hours[:FIRST]:
        mean = float(hour["mean_delay"])
        print(
            f"  {hour['hour']}  {hour['airline']:<26}{hour['late']:>3} of {hour['flights']:>2} late, "
            f"{mean:.0f} min on average"
        )

    print("\nThe hours in which an airport had most late flights:")
    hours = list(rows("airport_hours"))
    hours.sort(key=lambda hour: (-int(hour["late"]), hour["hour"], hour["origin"]))
    for hour in hours[:FIRST]:
        print(
            f"  {hour['hour']}  {names.get(hour['origin'], hour['origin']):<22}"
            f"{hour['late']:>3} of {hour['flights']:>2} late, {hour['airlines']} airlines"
        )

    print("\nThe longest days of a plane:")
    days = list(rows("plane_days"))
    days.sort(key=lambda day: (-int(day["flights"]), -int(day["miles"]), day["tailnum"]))
    for day in days[:FIRST]:
        print(f"  {day['first_departure']}  {day['tailnum']}  {int(day['miles']):>5} miles  {day['way']}")

    if sum(int(day["flights"]) for day in days) > sum(arrived.values()):
        sys.exit("\nthe days of the planes have more flights than the CSV files")
    if late != late_by_csv:
        sys.exit(f"\nthe CSV files have other numbers of late flights: {dict(late_by_csv)}")
    print(f"\n{len(delayed):,} late flights; the CSV files, counted on their own, have as many.")


def head(words):
    return "".join(f"{word:>10}" for word in words)


def count_csv():
    """Flights by origin that arrived, and those of them that were late."""
    with open("pipeline.toml") as file:
        minutes = int(re.search(r"minutes = (\d+)", file.read())[1])
    arrived, late = Counter(), Counter()
    for path in glob.glob("data/flights/*.csv"):
        with open(path, newline="") as file:
            for flight in csv.DictReader(file):
                if flight["arr_delay"] != "NA":
                    arrived[flight["origin"]] += 1
                    late[flight["origin"]] += int(flight["arr_delay"]) >= minutes
    return arrived, late


def read_delayed():
    for path in glob.glob("out/delayed/*.ndjson"):
        with open(path) as file:
            yield from map(json.loads, file)


def rows(sink):
    for path in glob.glob(f"out/{sink}/*.csv"):
        with open(path, newline="") as file:
            yield from csv.DictReader(file)


if __name__ == "__main__":
    main()
