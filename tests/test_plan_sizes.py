"""The quotas of plans, where `PLANS` says others."""

from dataclasses import replace

import pytest

from contracts.errors import StorageLimitExceeded
from contracts.plans import Plan, PlanQuotas
from contracts.sizes import KIB, MIB
from rpc.auth import Caller
from server.settings import Settings, SettingsError
from tests.at_once import at_once

SERVICE = Caller("backend", scopes=frozenset({"service"}))
FILE = {"filename": "a.jpg", "contentType": "image/jpeg"}


@pytest.fixture
def settings(settings):
    return replace(settings, plans=PlanQuotas.parse("free=2MiB,basic=50MiB"))


async def test_a_token_s_plan_has_the_size_that_is_set(call, subtests):
    """Those that are not named are as large as ever."""
    for plan, quota in ((None, 2 * MIB), (Plan.FREE, 2 * MIB), (Plan.BASIC, 50 * MIB), (Plan.PRO, 5 * 1024 * MIB)):
        with subtests.test(plan=plan):
            assert (await call("media.getStorageUsage", caller=Caller("ada", plan))).limit == quota


@pytest.mark.parametrize("plan", [None, Plan.FREE])
@pytest.mark.parametrize("name", ["media.initiateUpload", "media.initiateMultipartUpload"])
async def test_the_free_plan_s_size_is_held_from_the_first_upload_on(call, name, plan):
    """Whether or not the token names it."""
    caller = Caller("ada", plan)
    with pytest.raises(StorageLimitExceeded) as refused:
        await call(name, **FILE, size=2 * MIB + 1, caller=caller)
    assert refused.value.quota == 2 * MIB
    await call(name, **FILE, size=2 * MIB, caller=caller)
    usage = await call("media.getStorageUsage", caller=caller)
    assert (usage.limit, usage.reserved) == (2 * MIB, 2 * MIB)


async def test_first_uploads_at_once_are_held_to_it_together(call):
    """Of an owner whom nobody knew: as many come in as there is room for."""
    owners = [Caller(f"user-{number % 3}") for number in range(24)]

    async def initiate(owner):
        try:
            await call("media.initiateUpload", **FILE, size=512 * KIB, caller=owner)
        except StorageLimitExceeded as refused:
            return refused.quota
        return None

    quotas = await at_once(*map(initiate, owners))

    assert quotas.count(None) == 3 * 4
    assert set(quotas) == {None, 2 * MIB}


async def test_a_plan_that_was_given_stays_whatever_the_free_plan_has(call):
    """One of the size that the free plan has by default, too."""
    given = await call("media.setPlan", caller=SERVICE, userId="ada", plan="basic")
    assert given.limit == 50 * MIB
    await call("media.initiateUpload", **FILE, size=3 * MIB, caller=Caller("ada"))
    assert (await call("media.getStorageUsage", caller=Caller("ada"))).limit == 50 * MIB


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("fre=50MiB", "PLANS names no plan: 'fre'; did you mean free?"),
        ("gold=50MiB", "PLANS names no plan: 'gold'; did you mean "),
        ("free=50MB", "PLANS is no size like 50MiB, 1GiB or 1048576: "),
        ("free", "PLANS is no size like 50MiB, 1GiB or 1048576: "),
        ("free=0", "PLANS must give each plan from 1 byte to "),
        ("free=9999TiB", "PLANS must give each plan from 1 byte to "),
    ],
)
def test_a_plan_that_there_is_not_or_a_bad_size_is_refused(value, sentence):
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"PLANS": value})
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(f", got {value!r}")
