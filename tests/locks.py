"""Statements that wait for each other."""

import asyncio
from typing import Any

import psycopg

BOUND_SECONDS = 30


async def until_waiting(statements: int, connection: psycopg.AsyncConnection[Any]) -> None:
    """Return once so many statements on the connection's database wait for a lock."""
    count = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    async with asyncio.timeout(BOUND_SECONDS):
        while await (await connection.execute(count)).fetchone() != (statements,):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
