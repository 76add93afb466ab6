"""What the pipeline found, beside what the CSV files say on their own."""

import csv
import glob
import json
import re
import sys
from collections import Counter

CAUSES = ["departure", "air", "ground"]
FIRST = 5


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


if __name__ == "__main__":
    main()
