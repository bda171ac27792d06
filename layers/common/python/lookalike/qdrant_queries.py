"""What is asked, in Qdrant's words."""

from collections.abc import Sequence
from typing import Any

from qdrant_client import models as q

from lookalike.index import Only, Wanted, unit


def recommendation(wanted: Wanted) -> q.NearestQuery | q.RecommendQuery:
    vector = None if wanted.vector is None else unit(wanted.vector).tolist()
    if vector is not None and not wanted.image_ids:
        return q.NearestQuery(nearest=vector)
    examples = [*wanted.positive] if vector is None else [*wanted.positive, vector]
    average = q.RecommendStrategy.AVERAGE_VECTOR
    return q.RecommendQuery(
        recommend=q.RecommendInput(positive=examples, negative=[*wanted.negative], strategy=average)
    )


def request_of(
    query: q.Query, limit: int, only: Only, offset: int, params: q.SearchParams | None
) -> q.QueryRequest:
    """Qdrant itself leaves out the images that a query names."""
    return q.QueryRequest(
        query=query,
        filter=filter_of(only),
        limit=limit,
        offset=offset,
        params=params,
        with_payload=True,
        with_vector=True,
    )


def filter_of(only: Only, without: Sequence[str] = ()) -> q.Filter:
    def match(field: str, condition: Any) -> q.FieldCondition:
        return q.FieldCondition(key=field, match=condition)

    must: list[q.Condition] = [match("tags", q.MatchValue(value=tag)) for tag in only.tags]
    if only.statuses:
        must.append(match("status", q.MatchAny(any=list[str](only.statuses))))
    if only.prefix:
        must.append(match("key", q.MatchPrefix(prefix=only.prefix)))
    if without:
        must.append(q.Filter(must_not=[q.HasIdCondition(has_id=[*without])]))
    return q.Filter(must=must)
