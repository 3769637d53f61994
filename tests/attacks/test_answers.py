"""A few bytes ask for few: what a request is answered has a bound."""

import json
from typing import Any

import httpx
import pytest

from contracts.wire import Wire
from rpc.budget import MAX_ANSWERS_BYTES
from rpc.context import Context
from rpc.procedure import query
from tests.sample_procedures import SAMPLES, Text, post, serving

QUARTER = MAX_ANSWERS_BYTES // 4
HUGE = 2 * MAX_ANSWERS_BYTES


class Size(Wire):
    size: int


@query("text", public=True)
async def text(_ctx: Context, params: Size) -> Text:
    return Text(value="x" * params.size)


@pytest.fixture
async def client():
    async with serving([*SAMPLES, text]) as opened:
        yield opened


def called(procedure: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": procedure, "params": params}


async def codes(client: httpx.AsyncClient, *calls: dict[str, Any]) -> list[int | None]:
    """What each call of a batch is answered: its error's number, or none."""
    answer = await post(client, json.dumps(calls))
    return [member.get("error", {}).get("code") for member in answer.json()]


async def test_the_answers_of_a_batch_are_bounded_together(client):
    """What fits is answered, and what does not says so: the caller asks for it in another request."""
    large, small = called("text", size=QUARTER), called("text", size=10)

    assert await codes(client, large, large, large, large, small) == [None, None, None, 1501, None]


async def test_the_first_answer_is_given_whatever_it_takes(client):
    assert await codes(client, called("text", size=HUGE)) == [None]
    assert await codes(client, called("text", size=HUGE), called("text", size=1)) == [None, 1501]


async def test_every_dialect_is_bounded(client):
    envelopes = [{"procedure": "text", "input": {"size": QUARTER}}] * 5
    mixed = await post(client, json.dumps(envelopes))
    batch = await post(client, json.dumps({"batch": [{"id": n, **call} for n, call in enumerate(envelopes)]}))
    paths, inputs = ",".join(["text"] * 5), json.dumps({n: {"size": QUARTER} for n in range(5)})
    trpc = await client.get(f"/rpc/{paths}", params={"batch": "1", "input": inputs})

    for members in (mixed.json(), batch.json()["results"]):
        assert [member.get("error", {}).get("code") for member in members] == [None, None, None, 1501, 1501]
    assert [member.get("error", {}).get("code") for member in trpc.json()] == [None, None, None, -32029, -32029]


async def test_a_document_is_answered_alone(client):
    """`rpc.discover` is no small thing, and public."""
    assert await codes(client, called("rpc.discover")) == [None]
    refused, answered = (await post(client, json.dumps([called("rpc.discover"), called("get_data")]))).json()
    assert [issue["code"] for issue in refused["error"]["data"]["details"]["errors"]] == ["batch"]
    assert "result" in answered
    single = await post(client, json.dumps(called("rpc.discover")))
    assert single.json()["result"]["openrpc"]


async def test_of_many_issues_the_first_twenty_are_told(client):
    """However many members nobody knows, or values nobody takes."""
    unknown = called("subtract", minuend=1, subtrahend=1, **{f"m{number}": 0 for number in range(900)})

    answer = await post(client, json.dumps(unknown))

    assert len(answer.json()["error"]["data"]["details"]["errors"]) == 20
    assert len(answer.content) < 10_000


@pytest.mark.parametrize(
    ("params", "most"),
    [
        ({f"m{number}": 0 for number in range(40_000)}, "1000 members"),
        ({"minuend": [0] * 40_000}, "10000 items"),
        ({"minuend": [{f"m{number}": 0 for number in range(40_000)}]}, "1000 members"),
    ],
)
async def test_more_than_any_input_has_is_not_looked_at(client, params, most):
    """At any depth: to tell what is wrong with each would hold up everybody else."""
    answer = await post(client, json.dumps(called("subtract", **params)))

    (issue,) = answer.json()["error"]["data"]["details"]["errors"]
    assert issue == {"path": [], "code": "too_long", "message": f"The input has more than {most}"}
