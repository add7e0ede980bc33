"""Batches: `/v1/batches`, a list of photographs in object storage, scored in parts by all servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from console import cursors, idempotency, json_bodies
from console.api.batch_documents import (
    PREFIX,
    BatchDocument,
    BatchesDocument,
    BatchSubmission,
    Resumption,
    RowErrorDocument,
    RowErrorsDocument,
)
from console.api.documents import unbounded
from console.service import ApiService, AuthorizedCaller, Service, caller_with
from operations import batch_errors, batch_jobs, batch_start
from operations.batch_errors import ErrorsPlace
from operations.batch_start import BatchRequest
from schemas.api_keys import Scope
from schemas.batch_jobs import BatchJob
from schemas.uploads import Location

router = APIRouter(prefix=PREFIX, tags=["batches"])

POLL_SECONDS: Final = 5
"""After which it pays to look again."""

Caller = Annotated[AuthorizedCaller, Depends(caller_with(Scope.BATCH, is_strict=True))]
BatchId = Annotated[str, Path(max_length=200, examples=["bat_0a1b2c3d4e5f6g7h8i9j0k1l2m"])]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before")]

_REFUSED: Final = unbounded(
    {
        404: "There is no such job, or no such model, version or alias",
        409: "Something stands where the results shall be, or the job is past what is asked for",
        422: "A field is wrong, the list is gone or cannot be read, or the key was used for another request",
    }
)
_MADE: Final[dict[str, Any]] = {
    "description": "The job is kept, and servers begin with it within seconds",
    "headers": {
        "Location": {"description": "Of the job", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds", "schema": {"type": "integer"}},
        "Idempotency-Replayed": {
            "description": "`true` where the job was made by an earlier try of this request",
            "schema": {"type": "string"},
        },
    },
}


@router.post(
    "",
    status_code=202,
    response_model=BatchDocument,
    responses=_REFUSED | {202: _MADE},
    openapi_extra=json_bodies.described(BatchSubmission),
    summary="Have a list scored",
    operation_id="submitBatch",
)
async def submit(
    request: Request,
    response: Response,
    service: Service,
    caller: Caller,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=257, description="Of your choice: the same request sent again makes no second job"),
    ] = None,
) -> BatchDocument:
    """Name a list in object storage, and a prefix where nothing stands yet.

    Rows are scored behind all predictions. Results keep the order of the list: a part for a thousand rows,
    and in the end a manifest. What is wrong with a row is in its result, and fails no job.
    """
    key = idempotency.key(idempotency_key)
    asked = await json_bodies.read(request, BatchSubmission)
    wanted = await _request(service, asked, created_by=caller.key.id)
    started = await batch_start.start(service.store, service.files, wanted, idempotency_key=key)
    response.headers["Location"] = f"{PREFIX}/{started.job.id}"
    response.headers["Retry-After"] = str(POLL_SECONDS)
    if started.is_repeated:
        response.headers["Idempotency-Replayed"] = "true"
    return BatchDocument.of(started.job)


@router.get(
    "",
    response_model=BatchesDocument,
    responses=_REFUSED,
    summary="List jobs",
    operation_id="listBatches",
)
async def listing(
    service: Service, _caller: Caller, limit: Limit = 50, cursor: Cursor = None
) -> BatchesDocument:
    """The newest first."""
    place = cursors.read(cursor, str, str) if cursor is not None else None
    every = [each for each in await batch_jobs.listed(service.store) if isinstance(each, BatchJob)]
    found = [each for each in every if place is None or batch_jobs.place(each) < place]
    shown = found[:limit]
    return BatchesDocument(
        items=[BatchDocument.of(each) for each in shown],
        next=cursors.written(*batch_jobs.place(shown[-1])) if len(found) > limit else None,
    )


@router.get(
    "/{batch_id}",
    response_model=BatchDocument,
    responses=_REFUSED,
    summary="Look at a job",
    operation_id="getBatch",
)
async def look(service: Service, _caller: Caller, batch_id: BatchId) -> BatchDocument:
    """Its state, what is done, and until when it may take."""
    return BatchDocument.of(await batch_jobs.known(service.store, batch_id))


@router.get(
    "/{batch_id}/errors",
    response_model=RowErrorsDocument,
    responses=_REFUSED,
    summary="List the rows with an error",
    operation_id="listBatchErrors",
)
async def errors(
    service: Service, _caller: Caller, batch_id: BatchId, limit: Limit = 50, cursor: Cursor = None
) -> RowErrorsDocument:
    """Of what is done so far, in the order of the list. A page may be short, and there is more behind it."""
    after = ErrorsPlace(*cursors.read(cursor, int, int)) if cursor is not None else ErrorsPlace()
    job = await batch_jobs.known(service.store, batch_id)
    page = await batch_errors.page(service.files, job, after=after, limit=limit)
    return RowErrorsDocument(
        items=[
            RowErrorDocument(row=each.row, image=each.image, error=each.code, detail=each.detail)
            for each in page.rows
        ],
        next=cursors.written(page.behind.part, page.behind.row) if page.behind else None,
    )


@router.post(
    "/{batch_id}/cancel",
    response_model=BatchDocument,
    responses=_REFUSED,
    summary="Stop a job",
    operation_id="cancelBatch",
)
async def cancel(service: Service, _caller: Caller, batch_id: BatchId) -> BatchDocument:
    """Its parts stay where they are; it may be resumed."""
    return BatchDocument.of(await batch_jobs.cancel(service.store, batch_id))


@router.post(
    "/{batch_id}/resume",
    response_model=BatchDocument,
    responses=_REFUSED,
    openapi_extra=json_bodies.described(Resumption, is_required=False),
    summary="Have a job go on",
    operation_id="resumeBatch",
)
async def resume(request: Request, service: Service, _caller: Caller, batch_id: BatchId) -> BatchDocument:
    """One that was cancelled, or has failed by what is mended now. What has a part is not scored again."""
    asked = await json_bodies.read(request, Resumption)
    return BatchDocument.of(await batch_jobs.resume(service.store, batch_id, max_failed=asked.max_failed))


async def _request(service: ApiService, asked: BatchSubmission, *, created_by: str) -> BatchRequest:
    version = await service.choice.version_of(asked.model)
    wanted = BatchRequest(
        source=Location(bucket=asked.input.bucket, key=asked.input.key),
        results=Location(bucket=asked.output.bucket, key=asked.output.prefix),
        version=version or service.serving().ref.version,
        created_by=created_by,
        format=asked.input.format,
        results_format=asked.output.format,
        column=asked.input.column,
        base=asked.input.base,
        escapes_formulas=asked.output.escape_formulas,
        max_failed=asked.max_failed,
    )
    if version is not None:  # of another one the first server that begins says what it is
        return wanted
    serving = service.serving()
    return replace(wanted, model=serving.ref, labels=serving.labels)
