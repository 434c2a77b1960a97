"""A search in words, and the words for what is found, in English and Chinese. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import Any, Literal

import shapely

from alarms.history.query import Query, local
from alarms.model import Disposition, IncidentState
from alarms.receiving.codes import classify_event

Language = Literal["en", "zh"]

STATES: dict[Language, dict[IncidentState, str]] = {
    "en": {one: one.value.replace("_", " ") for one in IncidentState},
    "zh": {
        IncidentState.NEW: "未接",
        IncidentState.ACKNOWLEDGED: "已接警",
        IncidentState.DISPATCHED: "已派警",
        IncidentState.ON_SCENE: "到达现场",
        IncidentState.RESOLVED: "处置完毕",
        IncidentState.CLOSED: "已结案",
    },
}
DISPOSITIONS: dict[Language, dict[Disposition, str]] = {
    "en": {
        Disposition.ACTUAL: "actual",
        Disposition.FALSE_USER: "false: user",
        Disposition.FALSE_EQUIPMENT: "false: equipment",
        Disposition.FALSE_ENVIRONMENT: "false: animal or environment",
        Disposition.FALSE_UNKNOWN: "false: unknown",
        Disposition.TEST: "test",
        Disposition.DUPLICATE: "duplicate",
        Disposition.CANCELLED: "cancelled",
    },
    "zh": {
        Disposition.ACTUAL: "属实",
        Disposition.FALSE_USER: "误报：人为",
        Disposition.FALSE_EQUIPMENT: "误报：设备",
        Disposition.FALSE_ENVIRONMENT: "误报：动物或环境",
        Disposition.FALSE_UNKNOWN: "误报：原因不明",
        Disposition.TEST: "测试",
        Disposition.DUPLICATE: "重复",
        Disposition.CANCELLED: "撤销",
    },
}
ENTRIES: dict[Language, dict[str, str]] = {
    "en": {
        "opened": "opened",
        "alarm": "another alarm",
        "restored": "restored",
        "moved": "its device stands elsewhere now",
        "acknowledged": "acknowledged",
        "handed_over": "handed over",
        "dispatched": "dispatched",
        "on_scene": "on scene",
        "resolved": "resolved",
        "closed": "closed",
        "reopened": "reopened",
        "note": "note",
        "verified": "verified",
        "called": "called",
    },
    "zh": {
        "opened": "警情发生",
        "alarm": "新警报",
        "restored": "警报恢复",
        "moved": "设备已移至别处",
        "acknowledged": "接警",
        "handed_over": "移交",
        "dispatched": "派警",
        "on_scene": "到达现场",
        "resolved": "处置完毕",
        "closed": "结案",
        "reopened": "重新打开",
        "note": "备注",
        "verified": "核实",
        "called": "电话联系",
    },
}
"""What a timeline's lines are, as the case shows them."""
_LEVEL: dict[Language, str] = {"en": "verification level {}", "zh": "核实等级{}"}
_SAYS: dict[Language, dict[str, str]] = {
    "en": {
        "all": "all incidents",
        "area": "in an area of {points} points, {west:.5f} to {east:.5f} E, {south:.5f} to {north:.5f} N",
        "division": "in {name}",
        "since": "opened from {at}",
        "until": "opened before {at}",
        "hours": "at {first} to {last} by the clock of {zone}",
        "category": "category {names}",
        "disposition": "ended as {names}",
        "priority": "priority {names}",
        "state": "state {names}",
        "text": "with “{text}” in site, address, title or notes",
        "join": "; ",
        "or": " or ",
    },
    "zh": {
        "all": "全部警情",
        "area": "在{points}个点围成的区域内，东经{west:.5f}至{east:.5f}，北纬{south:.5f}至{north:.5f}",
        "division": "在{name}",
        "since": "自{at}起",
        "until": "至{at}前",
        "hours": "每日{first}至{last}（{zone}）",
        "category": "类别：{names}",
        "disposition": "处置结果：{names}",
        "priority": "优先级：{names}",
        "state": "状态：{names}",
        "text": "防范点、地址、标题或记录含“{text}”",
        "join": "；",
        "or": "、",
    },
}


def category_name(category: str, language: Language) -> str:
    """What people call a category."""
    meaning = classify_event(category)
    return meaning.name_zh if language == "zh" else meaning.name_en


def entry_about(entry: Mapping[str, Any], language: Language) -> str | None:
    """What a line of a timeline tells besides what was written: how it ended, how sure it is, what rang, who has it."""
    details = entry["details"]
    match entry["kind"]:
        case "closed":
            return DISPOSITIONS[language][Disposition(details["disposition"])]
        case "verified":
            return _LEVEL[language].format(details["after"])
        case "handed_over":
            handler: str | None = entry["handler"]
            return handler
        case "alarm" | "restored" | "moved" | "opened" if details.get("event") or details.get("category"):
            return category_name(details.get("event") or details["category"], language)
    return None


def describe(query: Query, language: Language, zone: tzinfo, division_name: str | None = None) -> str:
    """The query in one sentence, as a page and a file say what was asked."""
    says = _SAYS[language]

    def any_of(names: Iterable[str]) -> str:
        return says["or"].join(names)

    parts: list[str] = []
    if query.area is not None:
        west, south, east, north = query.area.bounds
        points = _corners(query.area)
        parts.append(says["area"].format(points=points, west=west, east=east, south=south, north=north))
    if query.division is not None:
        name = f"{division_name} {query.division}" if division_name else query.division
        parts.append(says["division"].format(name=name))
    if query.since is not None:
        parts.append(says["since"].format(at=local(query.since, zone)))
    if query.until is not None:
        parts.append(says["until"].format(at=local(query.until, zone)))
    if query.hours is not None:
        first, _, last = str(query.hours).partition("-")
        parts.append(says["hours"].format(first=first, last=last, zone=zone))
    lists = {
        "category": [category_name(one.value, language) for one in query.categories],
        "disposition": [DISPOSITIONS[language][one] for one in query.dispositions],
        "priority": [str(one) for one in query.priorities],
        "state": [STATES[language][one] for one in query.states],
    }
    parts += [says[name].format(names=any_of(names)) for name, names in lists.items() if names]
    if query.text is not None:
        parts.append(says["text"].format(text=query.text))
    return says["join"].join(parts) or says["all"]


def _corners(area: shapely.Polygon | shapely.MultiPolygon) -> int:
    """As many as somebody drew: the last point of a ring is its first once more."""
    rings = int(shapely.get_num_interior_rings(shapely.get_parts(area)).sum()) + len(shapely.get_parts(area))
    return int(shapely.get_num_coordinates(area)) - rings
