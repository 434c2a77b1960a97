"""Pictures that belong to incidents. Each look is by a named reader, for a stated reason, and in the audit log."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from api.auth.dependencies import Reader, require, sync_transaction
from api.errors import Problem
from api.inputs import Reason
from api.routes.registering import READ
from api.settings import Settings
from video import cameras
from video.evidence import EVIDENCE, EvidenceError, Shelf

router = APIRouter(prefix="/api/v1/evidence", tags=["cameras"])

Viewer = Annotated[Reader, Depends(require("evidence.read"))]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]

log = structlog.get_logger(__name__)


@router.get(
    "/{sha256}",
    response_class=Response,
    responses=READ | {200: {"content": {"image/jpeg": {}}, "description": "The picture as it was taken"}},
)
def get_evidence(
    request: Request,
    who: Viewer,
    sha256: Sha256,
    reason: Annotated[Reason, Query(description="Why it is looked at: it goes into the audit log")],
) -> Response:
    """A picture of an incident in scope, proved to be the bytes that were written when it was taken."""
    settings: Settings = request.app.state.settings
    with sync_transaction(request, who, "evidence.read") as conn:
        row = conn.execute(cameras.SQL["look"], {"sha256": sha256, "reason": reason}).fetchone()
    if row is None or not row[0]:
        raise Problem("not-found", "There is no such picture in your scope, or not any more.")
    try:
        data = Shelf(settings.var_dir / EVIDENCE).read(sha256)
    except EvidenceError as error:
        log.error("evidence_damaged", why=str(error))
        raise Problem(
            "not-found", "The file is missing or is not what was written; the log tells the operator more."
        ) from error
    # no-store: a copy in a cache would be looked at without a line in the log
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, no-store"})
