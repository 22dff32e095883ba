"""`python -m tests.time_strings`: generate `strings.tsv`."""

import csv
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from tests.time_strings import FILE, TimeString

TIMES = [
    datetime(2026, 12, 24, 18, 0, 0, tzinfo=UTC),
    datetime(2026, 12, 5, 9, 5, 0, tzinfo=UTC),
    datetime(2027, 1, 1, 0, 30, 0, tzinfo=UTC),
    datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC),
    datetime(2027, 3, 31, 6, 7, 8, tzinfo=UTC),
]
OFFSETS = [60, -300, 330, 345, -210, 840, -720, 0]
UNUSED_OFFSETS = ["+23:00", "+14:30", "-12:30", "+01:15", "-99:00"]
LOCALES = ["en-US", "en-GB", "de-DE", "fr-FR", "es-ES", "pt-BR", "pt-PT", "ja-JP", "sv-SE", "zh-CN"]
_NODE_FORMS = """
const [times, locales] = JSON.parse(process.argv[1]);
const made = [];
for (const time of times) {
  const date = new Date(time);
  made.push([time, 'javascript', date.toString()], [time, 'javascript', date.toUTCString()]);
  made.push([time, 'javascript', date.toISOString()], [time, 'javascript', date.toJSON()]);
  for (const locale of locales) {
    made.push([time, 'javascript', date.toLocaleString(locale)]);
    for (const dateStyle of ['full', 'long', 'medium', 'short'])
      for (const timeStyle of ['short', 'medium'])
        for (const hour12 of [undefined, false]) {
          const options = {dateStyle, timeStyle, hour12};
          made.push([time, 'spreadsheet', date.toLocaleString(locale, options)]);
        }
    const day = date.toLocaleDateString(locale, {weekday: 'short'});
    const digits = {year: 'numeric', month: '2-digit', day: '2-digit'};
    const short = date.toLocaleDateString(locale, digits);
    const clock = date.toLocaleTimeString(locale, {hour: '2-digit', minute: '2-digit'});
    made.push([time, 'spreadsheet', `${day} ${short} ${date.toLocaleTimeString(locale)}`]);
    made.push([time, 'spreadsheet', `${short} ${clock}`]);
  }
}
console.log(JSON.stringify(made));
"""
_NODE_READ = """
let text = '';
process.stdin.on('data', (part) => text += part).on('end', () => {
  console.log(JSON.stringify(JSON.parse(text).map((item) => {
    const date = new Date(item);
    return isNaN(date) ? '' : date.toISOString().slice(0, 19) + 'Z';
  })));
});
"""


def main() -> None:
    """Write the file."""
    strings = dict.fromkeys(_generate())
    texts = [text for _, text, _ in strings]
    rows = [
        TimeString(
            grammar, text, expected, gnu, node, _parse_email(text) if grammar == "mail" else ""
        )
        for (grammar, text, expected), gnu, node in zip(
            strings, _parse_with_gnu(texts), _parse_with_node(texts), strict=True
        )
    ]
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
    print(f"{len(rows)} strings")  # noqa: T201


def _generate() -> Iterator[tuple[str, str, str]]:
    """Return the grammar, the text, and the time that is expected."""
    for when in TIMES[:2]:
        yield from _make_iso(when)
    for when in TIMES:
        expected = _format(when)
        yield from _make_mail(when)
        yield from _make_date_command(when, expected)
    for time, grammar, text in json.loads(
        _run(["node", "-e", _NODE_FORMS, json.dumps([[_format(when) for when in TIMES], LOCALES])])
    ):
        when = datetime.fromisoformat(time)
        shows_seconds = f"{when:%M:%S}" in text
        yield grammar, text, _format(when if shows_seconds else when.replace(second=0))


def _make_iso(when: datetime) -> Iterator[tuple[str, str, str]]:
    for minutes in [None, *OFFSETS]:
        local = when if minutes is None else when.astimezone(timezone(timedelta(minutes=minutes)))
        offsets = (
            [""]
            if minutes is None
            else [f"{local:%z}"[:3] + ":" + f"{local:%z}"[3:], f"{local:%z}"]
        )
        if minutes == 0:
            offsets += ["Z", "z", "-00:00", "+00"]
        for offset in offsets:
            for day in ("%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%Y-%j"):
                for separator in ("T", " "):
                    for clock in ("%H:%M", "%H:%M:%S", "%H:%M:%S.250", "%H%M", "%H%M%S"):
                        text = local.strftime(day) + separator + local.strftime(clock) + offset
                        expected = when if "%S" in clock else when.replace(second=0)
                        yield "iso", text, _format(expected)
    for offset in UNUSED_OFFSETS:
        yield "iso", f"{when:%Y-%m-%dT%H:%M}{offset}", ""


def _make_mail(when: datetime) -> Iterator[tuple[str, str, str]]:
    for minutes in OFFSETS:
        local = when.astimezone(timezone(timedelta(minutes=minutes)))
        words = [f"{local:%z}"] + (["GMT", "UT", "-0000", "Z"] if minutes == 0 else [])
        words += ["EST", "+0000 (UTC)"] if minutes == 0 else [f"{local:%z} (a comment)"]
        for word in words:
            expected = when + timedelta(hours=5) if word == "EST" else when
            for form in (
                "%a, %d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%a, %-d %b %Y %H:%M:%S",
                "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y",
            ):  # fmt: skip
                yield "mail", f"{local.strftime(form)} {word}", _format(expected)
    wrong = when + timedelta(days=1)
    yield "mail", f"{wrong:%a}, {when:%d %b %Y %H:%M:%S} +0000", ""


def _make_date_command(when: datetime, expected: str) -> Iterator[tuple[str, str, str]]:
    for form in (
        "%a %b %e %H:%M:%S UTC %Y", "%a %d %b %Y %I:%M:%S %p UTC", "%c", "%Y-%m-%d %H:%M:%S",
        "%Y/%m/%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S",
        "%D %T", "%d %B %Y %H:%M:%S", "%B %d, %Y %I:%M:%S %p", "%b %d %Y %H:%M:%S",
        "%d-%b-%Y %H:%M:%S", "%H:%M:%S %d %b %Y", "%H:%M:%S %Y-%m-%d", "%Y.%m.%d %H:%M:%S",
        "%-d %b %Y %H:%M:%S UTC+00:00", "%d %b %y %H:%M:%S", "%y-%m-%d %H:%M:%S",
        "%d %b %Y at %H:%M:%S", "%Y%m%d %H:%M:%S", "%Y%m%d%H%M%S", "%s", "@%s",
        "%A, %B %-d, %Y %-I:%M:%S %p", "%Y-%m-%dT%H:%M:%S[Europe/Paris]",
    ):  # fmt: skip
        text = when.strftime(form)
        if "Paris" in form:
            local = when.astimezone(
                timezone(timedelta(hours=2 if when.month == 3 and when.day > 28 else 1))
            )
            text = local.strftime(form)
        yield "date", text, expected
    for minutes in OFFSETS:
        local = when.astimezone(timezone(timedelta(minutes=minutes)))
        zone = f"{local:%z}"
        for form in ("%d %b %Y %H:%M:%S", "%b %d %Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"):
            for word in ("UTC", "GMT", " UTC", " "):
                yield (
                    "date",
                    f"{local.strftime(form)} {word.strip()}{zone[:3]}:{zone[3:]}",
                    expected,
                )
                yield "date", f"{local.strftime(form)} {word.strip()}{zone}", expected
        yield "date", f"{local:%d %b %Y %H:%M:%S} GMT{zone[0]}{int(zone[1:3])}", ""
    yield "date", f"{when:%d %b %Y %H:%M:%S} {when:%H}:30", ""
    wrong = when + timedelta(days=2)
    yield "date", f"{wrong:%A} {when:%d %b %Y %H:%M:%S}", ""


def _parse_with_gnu(texts: list[str]) -> list[str]:
    readings = []
    for text in texts:
        command = ["date", "--utc", "--date", text, "+%Y-%m-%dT%H:%M:%SZ"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=_environment(), check=False
        )
        readings.append(done.stdout.strip() if done.returncode == 0 else "")
    return readings


def _parse_with_node(texts: list[str]) -> list[str]:
    readings: list[str] = json.loads(_run(["node", "-e", _NODE_READ], json.dumps(texts)))
    return readings


def _parse_email(text: str) -> str:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return ""
    # "-0000" is UTC, from an unknown zone.
    return _format(when if when.tzinfo else when.replace(tzinfo=UTC))


def _format(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _run(command: list[str], stdin: str | None = None) -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=_environment(), check=True
    )
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}


if __name__ == "__main__":
    main()
