"""The tables of docs/lifecycle.md are what the code does: made from it, and held equal."""

from pathlib import Path

from alarms.judging.lifecycle import (
    TRANSITIONS,
    Acknowledge,
    Action,
    Close,
    Dispatch,
    Note,
    OnScene,
    Reopen,
    Resolve,
    TakeOver,
    Verify,
    fold,
    step,
)
from alarms.model import Disposition, Incident, IncidentState, Qualifier
from tests.values import NOON, alarm, incident

DOCUMENT = Path(__file__).parents[2] / "docs" / "lifecycle.md"
ACTIONS: list[Action] = [
    Acknowledge(), TakeOver(2), Dispatch(), OnScene(), Resolve(), Verify(2), Close(Disposition.ACTUAL), Reopen(),
    Note(""),
]  # fmt: skip
WAY_TO: dict[IncidentState, list[Action]] = {
    IncidentState.NEW: [],
    IncidentState.ACKNOWLEDGED: [Acknowledge()],
    IncidentState.DISPATCHED: [Dispatch()],
    IncidentState.ON_SCENE: [Dispatch(), OnScene()],
    IncidentState.RESOLVED: [Acknowledge(), Resolve()],
    IncidentState.CLOSED: [Close(Disposition.ACTUAL)],
}


def an_incident_that_is(state: IncidentState) -> Incident:
    here = incident()
    for action in WAY_TO[state]:
        here = step(here, action, 1, NOON).incident
    assert here.state is state
    return here


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def incident_table() -> str:
    """Which action may be taken in which state, and what state follows; a dash: refused."""
    lines = [
        _row(["action", *IncidentState, "open alarms"]),
        _row(["---"] * (len(IncidentState) + 2)),
    ]
    for action in ACTIONS:
        cells, effects = [], set()
        for state in IncidentState:
            if state not in TRANSITIONS[type(action)]:
                cells.append("-")
                continue
            done = step(an_incident_that_is(state), action, 1, NOON)
            cells.append(done.incident.state.value)
            effects.add(done.alarms)
        [effect] = effects
        lines.append(_row([type(action).__name__, *cells, effect.value]))
    return "\n".join(lines)


def alarm_table() -> str:
    """What the next signal of its condition makes of an open alarm."""
    lines = [_row(["alarm is", *Qualifier]), _row(["---"] * (len(Qualifier) + 1))]
    for active in (True, False):
        cells = []
        for qualifier in Qualifier:
            before = alarm(active=active)
            after = fold(before, qualifier, NOON, None)
            counted = ", one more occurrence" if after.occurrence_count > before.occurrence_count else ""
            cells.append(
                "no change" if after is before else ("active" if after.active else "restored") + counted
            )
        lines.append(_row(["active" if active else "restored", *cells]))
    return "\n".join(lines)


def test_every_action_has_its_row() -> None:
    assert {type(action) for action in ACTIONS} == set(TRANSITIONS)


def test_the_document_shows_what_the_code_does() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for table in (incident_table(), alarm_table()):
        assert table in text, f"docs/lifecycle.md lags behind the code; right would be:\n\n{table}\n"
