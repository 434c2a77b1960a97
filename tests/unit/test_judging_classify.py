"""What one signal means: by its qualifier, its device's life, its site's arming, and whether it is an old one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.judging.classify import ASKS_FOR_ARMING, Verdict, classify
from alarms.model import Category, DeviceStatus, Priority, Qualifier
from tests.values import NIGHTS, NOON, device, meaning, signal

NEW, RESTORE, STATUS = Qualifier
IN_SERVICE, TEST = DeviceStatus.IN_SERVICE, DeviceStatus.TEST
LATER, EARLIER = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
OPENING = [Category.PANIC, Category.FIRE, Category.TAMPER, Category.POWER, Category.BURGLARY]


@pytest.mark.parametrize("status", list(DeviceStatus))
@pytest.mark.parametrize("qualifier", list(Qualifier))
@pytest.mark.parametrize("category", OPENING)
def test_the_brokers_copy_of_an_old_message_is_never_an_alarm(
    status: DeviceStatus, qualifier: Qualifier, category: Category
) -> None:
    judged = classify(
        signal(qualifier=qualifier),
        meaning(category),
        device(status=status, test_until=LATER),
        NOON,
        retained=True,
    )
    assert judged.verdict is Verdict.RETAINED


@pytest.mark.parametrize(
    ("status", "test_until", "qualifier", "verdict"),
    [
        (IN_SERVICE, None, NEW, Verdict.ALARM),
        (IN_SERVICE, None, RESTORE, Verdict.RESTORE),
        (IN_SERVICE, None, STATUS, Verdict.STATUS),
        (TEST, LATER, NEW, Verdict.TEST),
        (TEST, LATER, RESTORE, Verdict.RESTORE),  # rings nobody, and what it ends is over
        (TEST, LATER, STATUS, Verdict.STATUS),
        (TEST, EARLIER, NEW, Verdict.ALARM),  # test mode ends by itself
        (TEST, EARLIER, RESTORE, Verdict.RESTORE),
        (IN_SERVICE, LATER, NEW, Verdict.TEST),  # received before its test was ended by hand, stored after
        (IN_SERVICE, EARLIER, NEW, Verdict.ALARM),
        (DeviceStatus.REGISTERED, None, NEW, Verdict.OUT_OF_SERVICE),
        (DeviceStatus.REGISTERED, None, RESTORE, Verdict.RESTORE),
        (DeviceStatus.OUT_OF_SERVICE, None, NEW, Verdict.OUT_OF_SERVICE),
        (DeviceStatus.OUT_OF_SERVICE, None, RESTORE, Verdict.RESTORE),
        (DeviceStatus.RETIRED, None, NEW, Verdict.OUT_OF_SERVICE),
        (DeviceStatus.RETIRED, None, STATUS, Verdict.STATUS),
    ],
)
def test_what_becomes_of_a_signal_by_the_devices_life(
    status: DeviceStatus, test_until: object, qualifier: Qualifier, verdict: Verdict
) -> None:
    speaker = device(status=status, test_until=test_until)  # type: ignore[arg-type]
    assert classify(signal(qualifier=qualifier), meaning(Category.PANIC), speaker, NOON).verdict is verdict


def test_motion_in_a_shop_by_day_is_activity_and_no_alarm() -> None:
    judged = classify(signal(), meaning(Category.BURGLARY), device(schedule=NIGHTS), NOON)
    assert judged.verdict is Verdict.ACTIVITY
    assert (judged.category, judged.priority) == (Category.ACTIVITY, Priority.INFORMATION)


def test_motion_in_the_same_shop_by_night_is_an_alarm() -> None:
    judged = classify(
        signal(), meaning(Category.BURGLARY), device(schedule=NIGHTS), NOON + timedelta(hours=12)
    )
    assert judged.verdict is Verdict.ALARM
    assert (judged.category, judged.priority) == (Category.BURGLARY, Priority.INTRUSION)


AT_THREE, AT_NOON = NOON - timedelta(hours=9), NOON


@pytest.mark.parametrize(
    ("received_at", "occurred_at", "verdict"),
    [
        (AT_THREE, None, Verdict.ALARM),
        (AT_THREE, AT_THREE, Verdict.ALARM),
        (AT_NOON, None, Verdict.ACTIVITY),
        (AT_NOON, AT_NOON, Verdict.ACTIVITY),
        (AT_NOON, AT_THREE, Verdict.ALARM),  # it waited at the broker until noon
        (AT_NOON, AT_THREE.astimezone(UTC), Verdict.ALARM),  # the same moment, told in another zone
        (AT_NOON, AT_THREE - timedelta(days=2), Verdict.ALARM),  # two nights ago; the network was away
        (AT_NOON, AT_THREE + timedelta(days=1), Verdict.ACTIVITY),  # tomorrow: a clock that is ahead
        (AT_NOON, AT_THREE.replace(year=2020), Verdict.ACTIVITY),  # a clock that was never set
        (AT_THREE, NOON - timedelta(days=1), Verdict.ALARM),  # in doubt it rings
    ],
)
def test_an_intrusion_is_judged_by_the_moment_when_it_happened(
    received_at: datetime, occurred_at: datetime | None, verdict: Verdict
) -> None:
    told = signal(occurred_at=occurred_at)
    judged = classify(told, meaning(Category.BURGLARY), device(schedule=NIGHTS), received_at)
    assert judged.verdict is verdict


@pytest.mark.parametrize(
    ("waiting_since", "occurred_at", "verdict"),
    [
        (AT_NOON - timedelta(hours=16), None, Verdict.ALARM),  # from 20:00 to noon: the night lies between
        (AT_THREE, None, Verdict.ALARM),
        (AT_NOON - timedelta(hours=3), None, Verdict.ACTIVITY),
        (AT_NOON - timedelta(days=30), None, Verdict.ALARM),
        (AT_THREE, AT_NOON - timedelta(minutes=1), Verdict.ACTIVITY),  # the device knows better
        (AT_THREE, AT_NOON.replace(year=2020), Verdict.ALARM),  # and this one does not
        (AT_NOON + timedelta(hours=1), None, Verdict.ACTIVITY),  # our own clock was set back
    ],
)
def test_what_waited_at_the_broker_is_judged_by_all_the_time_in_which_it_may_have_happened(
    waiting_since: datetime, occurred_at: datetime | None, verdict: Verdict
) -> None:
    """The server is down over night: a burglary that a sensor without a clock told of must ring in the morning."""
    judged = classify(
        signal(occurred_at=occurred_at), meaning(Category.BURGLARY), device(schedule=NIGHTS), AT_NOON,
        waiting_since=waiting_since.astimezone(UTC),
    )  # fmt: skip
    assert judged.verdict is verdict


def test_some_intrusions_ring_whatever_the_hour() -> None:
    judged = classify(
        signal(), meaning(Category.BURGLARY, whatever_the_hour=True), device(schedule=NIGHTS), NOON
    )
    assert (judged.verdict, judged.category) == (Verdict.ALARM, Category.BURGLARY)


@pytest.mark.parametrize("category", [c for c in Category if c not in ASKS_FOR_ARMING])
def test_only_intrusion_asks_whether_the_site_is_armed(category: Category) -> None:
    asleep = device(schedule=(), override=False)
    assert classify(signal(), meaning(category), asleep, NOON).verdict is Verdict.ALARM


def test_a_restore_does_not_ask_for_arming() -> None:
    """Else an alarm of the night could never be restored by day."""
    judged = classify(
        signal(qualifier=RESTORE), meaning(Category.BURGLARY), device(schedule=NIGHTS, override=False), NOON
    )
    assert judged.verdict is Verdict.RESTORE
    assert judged.category is Category.BURGLARY, "its category is what finds the alarm"


def test_what_opens_no_alarm_is_kept_and_does_not_ring() -> None:
    judged = classify(signal(), meaning(Category.TEST, opens_alarm=False), device(), NOON)
    assert judged.verdict is Verdict.NOT_AN_ALARM


@given(
    said=st.sampled_from(Qualifier),
    by_code=st.sampled_from([None, *Qualifier]),
)
def test_a_code_that_says_restore_by_itself_is_a_restore_unless_the_message_says_otherwise(
    said: Qualifier, by_code: Qualifier | None
) -> None:
    judged = classify(
        signal("BR", said), meaning(Category.BURGLARY, default_qualifier=by_code), device(), NOON
    )
    assert judged.qualifier is (by_code if said is NEW and by_code is not None else said)
