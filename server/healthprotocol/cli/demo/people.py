"""
Who is in the demo: two organisations, their accounts, and patients with the plans they follow.

Every person is invented. Telephone numbers are from the range kept for fiction (555-01xx), addresses from the reserved
domain `.example`. Birthdays move with the year, so that ages stay what the stories need.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

import msgspec

from healthprotocol.care.patients.model import Address, Demographics, Identifier, Sex

PASSWORD = "correct-horse-battery-demo"  # noqa: S105 - printed at start, refused in production
RECORD_NUMBERS = "https://riverside.example/record-number"

Behaviour = Literal["steady", "improving", "patchy", "dropped_out", "danger"]
Ending = Literal["", "paused", "stopped", "proposed"]


class Account(msgspec.Struct, frozen=True):
    """Someone who signs in. `patient` is the name of the patient that a patient account is bound to."""

    email: str
    role: str
    display_name: str
    patient: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol (file name without suffix) followed since `started_days_ago` (negative: it begins later)."""

    protocol: str
    started_days_ago: int
    behaviour: Behaviour
    ending: Ending = ""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A patient of the demo with her plans; `name` is what the rest of the demo calls her by."""

    name: str
    given_name: str
    family_name: str
    sex: Sex
    age: int
    birthday: str
    time_zone: str
    number: int
    plans: tuple[Plan, ...]


class Clinic(msgspec.Struct, frozen=True):
    """An organisation of the demo."""

    name: str
    accounts: tuple[Account, ...]
    people: tuple[Person, ...]
    protocols: tuple[str, ...]


# name, sex, age, birthday, time zone, then each plan: protocol, days since its start, behaviour, ending (if it ended)
_RIVERSIDE = """
Rosa Delgado        f 67 04-18 New_York    home-blood-pressure: 77 improving; wound-care: 24 steady
Amara Okafor        f 33 03-12 New_York    gestational-diabetes: 45 steady; antenatal-visits: 121 steady
Thomas Brandvold    m 58 11-02 Chicago     home-blood-pressure: 60 danger; asthma-action-plan: 55 patchy
Mei-Ling Zhao       f 29 07-30 New_York    antenatal-visits: 58 steady
Dariusz Wolny       m 71 01-25 New_York    knee-replacement: 52 steady; home-blood-pressure: 60 steady
Sunita Raghavan     f 36 09-09 Kolkata     gestational-diabetes: 38 danger; antenatal-visits: 112 steady
Caleb Whitmore      m 24 05-05 Denver      asthma-action-plan: 61 dropped_out
Fatima Benhaddou    f 41 12-14 New_York    depression-follow-up: 58 improving
Jorge Villalobos    m 63 08-21 Phoenix     home-blood-pressure: 58 patchy; wound-care: 40 patchy
Ngozi Adeyemi-Clark f 31 02-27 New_York    gestational-diabetes: 30 improving; antenatal-visits: 104 steady
Peter Haldane       m 77 10-10 London      knee-replacement: 33 patchy; home-blood-pressure: 61 steady
Leilani Kahale      f 45 06-16 Honolulu    asthma-action-plan: 57 steady
Marcus Ellery       m 52 03-03 New_York    opioid-tapering: 60 steady; depression-follow-up: 56 patchy
Hana Suzuki-Reyes   f 38 11-23 Los_Angeles asthma-action-plan: 50 improving; depression-follow-up: 47 steady
Bogdan Petrescu     m 66 05-29 New_York    home-blood-pressure: 56 dropped_out
Oluwaseun Bakare    m 49 07-07 Toronto     opioid-tapering: 61 danger; depression-follow-up: 61 danger
Greta Lindqvist     f 73 12-01 New_York    wound-care: 45 improving; home-blood-pressure: 44 steady
Ximena Ortuño       f 27 08-08 Chicago     antenatal-visits: 40 patchy
Dwayne Prescott     m 60 02-11 New_York    knee-replacement: 14 steady; home-blood-pressure: 61 improving
Aisha Rahmani       f 34 04-04 New_York    gestational-diabetes: 52 patchy; antenatal-visits: 126 patchy
Kwabena Asante      m 55 09-19 New_York    home-blood-pressure: 90 steady
Ruth Abernathy      f 81 06-06 New_York    wound-care: 20 danger
Viktor Hrynko       m 44 10-28 Chicago     opioid-tapering: 48 patchy; depression-follow-up: 40 dropped_out
Yasmin Darwish      f 22 01-09 New_York    asthma-action-plan: 60 danger; depression-follow-up: 35 improving
Samuel Ostrowski    m 69 03-31 New_York    knee-replacement: 61 steady; home-blood-pressure: 40 patchy
Nadia Karimova      f 30 05-17 London      gestational-diabetes: 20 steady; antenatal-visits: 96 steady
Bruno Castellan     m 62 07-22 New_York    home-blood-pressure: 53 steady
Talia Greenspan     f 48 09-01 Los_Angeles depression-follow-up: 61 steady
Emeka Nwosu         m 39 11-11 New_York    asthma-action-plan: 54 patchy
Joan Fairweather    f 75 02-02 New_York    knee-replacement: 45 improving; home-blood-pressure: 61 patchy
Ravi Chandrasekar   m 57 08-15 Kolkata     home-blood-pressure: 50 improving
Lucía Benavente     f 35 10-04 Phoenix     gestational-diabetes: 58 steady; antenatal-visits: 132 steady
Anders Fjeldsted    m 64 12-24 New_York    opioid-tapering: 40 steady; knee-replacement: 25 steady
Blessing Mutasa     f 26 06-19 New_York    asthma-action-plan: 35 steady
Clement Vasseur     m 72 04-30 Toronto     wound-care: 50 steady; home-blood-pressure: 55 danger
Ioana Munteanu      f 43 01-15 New_York    depression-follow-up: 54 patchy
Terrence Boateng    m 68 09-27 Chicago     home-blood-pressure: 46 dropped_out; wound-care: 30 dropped_out paused
Soraya Haddad       f 32 03-08 New_York    gestational-diabetes: 27 dropped_out; antenatal-visits: 101 patchy
Wesley Tran         m 20 07-14 Los_Angeles asthma-action-plan: 47 danger; depression-follow-up: 44 danger
Margit Halvorsen    f 59 05-21 New_York    home-blood-pressure: 59 steady
Desmond Achterberg  m 70 11-30 New_York    knee-replacement: 40 dropped_out; home-blood-pressure: 52 steady
Paloma Iriarte      f 28 02-19 New_York    antenatal-visits: 30 steady
Hyun-woo Baek       m 46 08-03 Anchorage   home-blood-pressure: 41 steady
Esther Mwangi       f 65 10-17 New_York    wound-care: 35 improving; home-blood-pressure: 35 improving
Gavin Merriweather  m 37 12-08 Denver      depression-follow-up: 50 dropped_out
Zofia Kalinowska    f 54 06-25 New_York    home-blood-pressure: 36 danger
Idris Camara        m 42 04-12 New_York    asthma-action-plan: 41 steady
Beatrix Vandermolen f 78 01-30 New_York    knee-replacement: 19 danger; home-blood-pressure: 30 steady
Rafael Quispe       m 51 03-19 Los_Angeles opioid-tapering: 30 dropped_out stopped
Chiara Montalto     f 40 05-11 New_York    depression-follow-up: 25 improving
Noah Silberman      m 74 09-13 New_York    home-blood-pressure: 28 patchy; knee-replacement: -6 steady proposed
Adaeze Umeh         f 47 07-27 Chicago     home-blood-pressure: 24 steady
Filip Janoušek      m 61 11-06 New_York    opioid-tapering: 16 improving
Mirembe Nalwanga    f 25 08-29 New_York    antenatal-visits: 22 steady
Hugh Carrington     m 80 02-06 Sydney      home-blood-pressure: 21 steady
Pilar Echeverri     f 56 10-22 New_York    home-blood-pressure: 17 improving
Jun-ho Seong        m 23 12-19 New_York    asthma-action-plan: 12 steady
Dorothea Wickham    f 83 04-09 New_York    wound-care: 11 steady
Malik Freeborn      m 50 06-02 New_York    home-blood-pressure: 9 patchy; depression-follow-up: 5 steady
Annika Sørlie       f 44 01-21 New_York    depression-follow-up: 3 steady
"""

_HILLTOP = """
Owen Marchbanks     m 59 03-14 London      home-blood-pressure: 40 steady
Priya Venkataswamy  f 45 09-05 London      asthma-action-plan: 30 patchy
Aoife Kinnerty      f 30 06-28 London      depression-follow-up: 21 improving
Lars Ketteler       m 66 12-30 Berlin      home-blood-pressure: 15 danger
"""

_ZONES = {"Kolkata": "Asia/", "London": "Europe/", "Berlin": "Europe/", "Honolulu": "Pacific/", "Sydney": "Australia/"}
_CITIES = {
    "New_York": "Albany", "Chicago": "Springfield", "Denver": "Boulder", "Phoenix": "Tucson", "Los_Angeles": "Fresno",
    "Anchorage": "Juneau", "Honolulu": "Hilo", "Toronto": "Kingston", "London": "Reading", "Kolkata": "Mysuru",
    "Sydney": "Newcastle", "Berlin": "Potsdam",
}  # fmt: skip
_STREETS = ("Mill Lane", "Orchard Road", "Station Street", "Harbour View", "Chapel Row", "Linden Avenue", "Fern Close")

PROTOCOLS = (
    "antenatal-visits", "asthma-action-plan", "depression-follow-up", "gestational-diabetes", "home-blood-pressure",
    "knee-replacement", "opioid-tapering", "wound-care",
)  # fmt: skip
DRAFTS = ("heart-failure-weights",)


def clinics() -> tuple[Clinic, Clinic]:
    """Return the two organisations of the demo, with everybody in them."""
    riverside = Clinic(
        "Riverside Clinic",
        (
            Account("admin@demo.example", "admin", "Alma Admin"),
            Account("clinician@demo.example", "clinician", "Dr. Corin Vale"),
            Account("coordinator@demo.example", "coordinator", "Cass Ordway"),
            Account("auditor@demo.example", "auditor", "Audrey Trail"),
            Account("patient@demo.example", "patient", "Rosa Delgado", patient="Rosa Delgado"),
        ),
        tuple(_people(_RIVERSIDE)),
        (*PROTOCOLS, *DRAFTS),
    )
    hilltop = Clinic(
        "Hilltop Practice",
        (Account("clinician@other.example", "clinician", "Dr. Imre Holt"),),
        tuple(_people(_HILLTOP)),
        ("asthma-action-plan", "depression-follow-up", "home-blood-pressure"),
    )
    return riverside, hilltop


def demographics(person: Person, today: date) -> Demographics:
    """Return what the clinic's register says of a person; `today` decides the year of birth."""
    month, day = map(int, person.birthday.split("-"))
    had_birthday = (today.month, today.day) >= (month, day)
    slug = _slug(person)
    return Demographics(
        given_name=person.given_name,
        family_name=person.family_name,
        birth_date=date(today.year - person.age - (0 if had_birthday else 1), month, day),
        sex=person.sex,
        email=None if person.number % 7 == 0 else f"{slug}@mail.example",
        phone=None if person.number % 11 == 0 else f"+1518555{100 + person.number:04d}",
        address=_address(person),
        language=_language(person),
        identifiers=(Identifier(system=RECORD_NUMBERS, value=f"RC-{104_200 + person.number * 7}"),),
        time_zone=person.time_zone,
    )


def starts_on(plan: Plan, local_today: date) -> date:
    """Return the first day of a plan, from the patient's own today."""
    return local_today - timedelta(days=plan.started_days_ago)


def _people(table: str) -> Iterator[Person]:
    for number, line in enumerate(table.strip().splitlines(), start=1):
        name = line[:20].strip()
        given, family = name.split(" ", 1)
        sex, age, birthday, city, plans = line[20:].split(maxsplit=4)
        yield Person(
            name=name,
            given_name=given,
            family_name=family,
            sex="female" if sex == "f" else "male",
            age=int(age),
            birthday=birthday,
            time_zone=_ZONES.get(city, "America/") + city,
            number=number,
            plans=tuple(_plan(text) for text in plans.split(";")),
        )


def _plan(text: str) -> Plan:
    protocol, _, rest = text.strip().partition(": ")
    days, behaviour, ending = (*rest.split(), "")[:3]
    return msgspec.convert(
        {"protocol": protocol, "started_days_ago": int(days), "behaviour": behaviour, "ending": ending}, Plan
    )


def _slug(person: Person) -> str:
    letters = person.name.lower().translate(str.maketrans("íúñøš ", "iunos.", "-'"))
    return f"{letters}{person.age}"


def _address(person: Person) -> Address:
    city = person.time_zone.rpartition("/")[2]
    street = _STREETS[person.number % len(_STREETS)]
    return Address(lines=(f"{person.number * 3 + 4} {street}",), city=_CITIES[city])


def _language(person: Person) -> str:
    return {"America/Phoenix": "es", "Europe/London": "en-GB", "Europe/Berlin": "de"}.get(person.time_zone, "en")
