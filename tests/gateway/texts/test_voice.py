"""Dates, hours and numbers as people in three languages read them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.texts import LANGUAGES, Language, language_of, translator

AT = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


def test_a_slot_is_told_in_the_zone_of_its_place() -> None:
    t = translator("en")
    assert t.day(AT, "Asia/Seoul") == "Monday, 23 November 2026"
    assert t.hours(AT, AT + timedelta(hours=3), "Asia/Seoul") == "09:00–12:00"
    assert t.zone_title(AT, "Asia/Seoul") == "Korean Standard Time, UTC+9"
    assert t.day(AT, "America/New_York") == "Sunday, 22 November 2026"


def test_summer_time_is_told_as_it_is_on_the_day() -> None:
    t = translator("en")
    assert t.zone_title(datetime(2026, 7, 1, tzinfo=UTC), "Europe/Berlin") == "Central European Summer Time, UTC+2"
    assert t.zone_title(AT, "Europe/Berlin") == "Central European Standard Time, UTC+1"


def test_korean_and_japanese_dates_are_theirs() -> None:
    assert translator("ko").day(AT, "Asia/Seoul") == "2026년 11월 23일 월요일"
    assert translator("ja").day(AT, "Asia/Tokyo") == "2026年11月23日月曜日"
    assert translator("ko").date(date(2028, 1, 1)) == "2028년 1월 1일"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Mon, 23 Nov 2026, 09:00 UTC+9"),
        ("ko", "2026년 11월 23일 (월) 09:00 UTC+9"),
        ("ja", "2026年11月23日(月) 9:00 UTC+9"),
    ],
)
def test_what_people_plan_by_is_told_with_its_weekday(language: Language, said: str) -> None:
    assert translator(language).day_and_time(AT, "Asia/Seoul") == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_zone_that_nobody_knows_is_utc(language: Language) -> None:
    assert translator(language).moment(AT, "Moon/Tranquillity").endswith("UTC")


def test_shares_are_not_told_as_certain() -> None:
    t = translator("en")
    assert t.percent(0.004) == "<1%"
    assert t.percent(0.0) == "<1%"
    assert t.percent(0.9999) == ">99%"
    assert t.percent(0.99) == "99%"
    assert t.percent(0.912) == "91%"


def test_a_language_that_we_do_not_speak_is_answered_in_english() -> None:
    assert language_of("fr-FR,fr;q=0.9") == "en"
    assert language_of("ja-JP,ja;q=0.9,en;q=0.8") == "ja"


def test_the_empty_text_stays_empty() -> None:
    assert translator("ko").gettext("") == ""


def test_products_texts_and_ours_are_in_one_voice() -> None:
    t = translator("ja")
    assert t.gettext("Tyre loses air") == "タイヤの空気漏れ"
    assert t.gettext("Choose a date") == "日程を選ぶ"


@pytest.mark.parametrize(
    ("language", "said"), [("en", "%(count)s bytes"), ("ko", "%(count)s바이트"), ("ja", "%(count)sバイト")]
)
def test_a_count_is_said_in_the_language_s_own_form(language: Language, said: str) -> None:
    assert translator(language).ngettext("%(count)s byte", "%(count)s bytes", 500) == said
