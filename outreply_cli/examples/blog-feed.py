#!/usr/bin/env python3
# blog-feed.py: Turn an RSS or Atom feed into calendar rows.
# curl -fsS https://example.com/feed.xml | python blog-feed.py instagram:acme > blog.csv
# outreply bulk schedule blog.csv
# Entries older than 7 days are left out; one without a date counts as new. The key is the
# entry's ID, so that no entry is posted twice. Set slots first: outreply slots set --help
import csv
import html
import sys
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree
from xml.parsers import expat

MAX_AGE = timedelta(days=7)
MAX_BYTES = 10_000_000


def parse(data):
    """Parse XML without a document type, which could define entities that explode."""

    def refuse(*_):
        raise ValueError("a DOCTYPE is not allowed")

    checker = expat.ParserCreate()
    checker.StartDoctypeDeclHandler = refuse
    checker.Parse(data, True)
    return ElementTree.fromstring(data)


def read_text(entry, *names):
    """Return the first text of an element, whatever its namespace."""
    for name in names:
        for element in entry.findall(f"{{*}}{name}"):
            text = " ".join(html.unescape("".join(element.itertext())).split())
            if text:
                return text
    return ""


def read_link(entry):
    for element in entry.findall("{*}link"):
        if element.get("href") and element.get("rel", "alternate") == "alternate":
            return element.get("href").strip()
    return read_text(entry, "link")


def parse_date(entry):
    text = read_text(entry, "published", "pubDate", "date", "updated")
    for convert in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = convert(text)
        except (TypeError, ValueError):
            continue
        return date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return None


def main(pages):
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError("larger than 10 MB")
    feed, seen = parse(data), set()
    now = datetime.now(timezone.utc)
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["key", "page", "scheduled_at", "message"])
    for entry in [*feed.findall(".//{*}item"), *feed.findall(".//{*}entry")]:
        link, title, date = read_link(entry), read_text(entry, "title"), parse_date(entry)
        key = read_text(entry, "id", "guid") or link
        if not key:
            print(f"Skipped, no ID and no link: {title}", file=sys.stderr)
        elif key not in seen and (date is None or date >= now - MAX_AGE):
            seen.add(key)
            # An entry that appears later is posted then.
            is_later = date is not None and date > now + timedelta(minutes=15)
            at = date.isoformat(timespec="seconds") if is_later else "next-slot"
            rows.writerow([key, ";".join(pages), at, f"{title}\n{link}".strip()])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Usage: python blog-feed.py PAGE... < FEED")
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        main(sys.argv[1:])
    except (ValueError, expat.ExpatError, ElementTree.ParseError) as error:
        sys.exit(f"The feed cannot be used: {error}")
