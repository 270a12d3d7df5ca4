"""Days, moments and lengths of time as texts, from their numbers: so that none is out of the range of Python's own types.

As `render.rs` of the tables' crate writes them.
"""

import datetime
import re
import zoneinfo

PER_SEC = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
DAY_SECS = 86_400
# Lengths of time from here on have days.
_DAYS_FROM_SECS = 100 * 3_600
# Named zones are known from the second day of the year 1 to the end of 2099. A moment beyond is shown in UTC.
_KNOWN_SECS = range(-62_135_510_400, 4_102_444_800)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def day(days: int) -> str:
    """A day so many days after 1970-01-01, in the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = year_of_era + era * 400 + (month <= 2)
    shown = f"{year:04}" if 0 <= year <= 9_999 else f"{year:+05}"
    return f"{shown}-{month:02}-{day_of_year - (153 * shifted_month + 2) // 5 + 1:02}"


def clock(secs: int, nanos: int) -> str:
    """Hours, minutes and seconds, and as many groups of three digits as it takes."""
    text = f"{secs // 3_600:02}:{secs // 60 % 60:02}:{secs % 60:02}"
    if not nanos:
        return text
    if nanos % 1_000_000 == 0:
        return f"{text}.{nanos // 1_000_000:03}"
    return f"{text}.{nanos // 1_000:06}" if nanos % 1_000 == 0 else f"{text}.{nanos:09}"


def time_of_day(value: int, unit: str) -> str:
    """A time of a day, counted in a unit since midnight."""
    return clock(*_parts(value, unit))


def moment(value: int, unit: str, zone: datetime.tzinfo | None) -> str:
    """A moment, counted in a unit since 1970 in UTC, as its zone has it; one without a zone says none."""
    secs, nanos = _parts(value, unit)
    if zone is None:
        return _at(secs, nanos)
    east_secs = _east_secs(secs, zone)
    return _at(secs + east_secs, nanos) + offset(east_secs)


def local(moment: datetime.datetime) -> str:
    """One of Python's moments."""
    micros = (moment.replace(tzinfo=datetime.UTC) - _EPOCH) // datetime.timedelta(microseconds=1)
    return _at(*_parts(micros, "us")) + offset_of(moment)


def offset_of(value: datetime.datetime | datetime.time) -> str:
    """The offset that one of Python's own kinds has, or nothing."""
    east = value.utcoffset()
    return "" if east is None else offset(int(east.total_seconds()))


def offset(east_secs: int) -> str:
    """``Z``, ``+08:00``, and seconds where a zone had them, before there were time zones."""
    size, sign = abs(east_secs), "-" if east_secs < 0 else "+"
    if not size:
        return "Z"
    return f"{sign}{size // 3_600:02}:{size // 60 % 60:02}" + (f":{size % 60:02}" if size % 60 else "")


def length(value: int, unit: str) -> str:
    """How long a number of units is: hours, minutes and seconds, as spreadsheets have them; from 100 hours on days as
    well."""
    secs, nanos = _parts(abs(value), unit)
    days, rest = divmod(secs, DAY_SECS) if secs >= _DAYS_FROM_SECS else (0, secs)
    sign = "-" if value < 0 else ""
    if not days:
        return sign + clock(rest, nanos)
    return f"{sign}{days} days" + (f" {clock(rest, nanos)}" if rest or nanos else "")


def zone_named(name: str | None) -> datetime.tzinfo | None:
    """A zone as Arrow has it: a name of the tz database, or an offset. One that nobody knows is UTC."""
    if name is None:
        return None
    fixed = re.fullmatch(r"([+-])(\d\d):?(\d\d)?", name)
    if fixed:
        size = datetime.timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
        return datetime.timezone(-size if fixed[1] == "-" else size)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.UTC


def _parts(value: int, unit: str) -> tuple[int, int]:
    """Seconds and nanoseconds."""
    secs, rest = divmod(value, PER_SEC[unit])
    return secs, rest * (PER_SEC["ns"] // PER_SEC[unit])


def _at(secs: int, nanos: int) -> str:
    days, secs = divmod(secs, DAY_SECS)
    return f"{day(days)}T{clock(secs, nanos)}"


def _east_secs(secs: int, zone: datetime.tzinfo) -> int:
    if type(zone) is datetime.timezone:
        east = zone.utcoffset(None)
    elif secs in _KNOWN_SECS:
        east = (_EPOCH + datetime.timedelta(seconds=secs)).astimezone(zone).utcoffset()
    else:
        return 0
    return int(east.total_seconds())
