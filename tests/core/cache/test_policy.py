"""Which parts leave, in known answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from core.cache.keys import ComponentKey, ModelSpec, halve
from core.cache.policy import Policy, Usage


@dataclass(eq=False)
class Part:
    name: str
    bytes: int
    usage: Usage = field(default_factory=Usage)


def used(policy, name, size, times, **usage):
    part = Part(name, size, Usage(bytes=size, **usage))
    for _ in range(times):
        policy.count()
        policy.touch(part.usage)
    return part


def names(parts):
    return [part.name for part in parts]


def test_the_part_that_is_used_least_leaves_first():
    policy = Policy(one_tier=False)
    parts = [used(policy, "often", 10, 9), used(policy, "rare", 10, 1), used(policy, "some", 10, 3)]
    assert names(policy.device_victims(parts, 5)) == ["rare"]


def test_a_part_that_reloads_slowly_for_its_size_stays():
    policy = Policy(one_tier=True)
    slow = used(policy, "slow", 10, 1, load_seconds=9.0)
    quick = used(policy, "quick", 10, 1, load_seconds=1.0)
    assert names(policy.device_victims([slow, quick], 10)) == ["quick"]


def test_a_victim_that_turned_out_not_to_be_needed_is_dropped_back():
    policy = Policy(one_tier=False)
    small, large = used(policy, "small", 10, 1), used(policy, "large", 50, 2)
    assert names(policy.device_victims([small, large], 45)) == ["large"]


def test_all_parts_together_may_not_be_enough():
    policy = Policy(one_tier=False)
    assert policy.device_victims([used(policy, "a", 10, 1)], 11) is None
    assert policy.device_victims([], 0) == []


def test_the_clock_rises_so_that_old_favourites_leave_in_the_end():
    policy = Policy(one_tier=False)
    favourite = used(policy, "favourite", 10, 5)
    for turn in range(20):
        newcomer = used(policy, f"n{turn}", 10, 1)
        victims = policy.device_victims([favourite, newcomer], 10)
        if names(victims) == ["favourite"]:
            break
    assert names(victims) == ["favourite"]
    assert turn > 1


def test_old_uses_count_half_after_a_half_life():
    policy = Policy(one_tier=False, half_life=4)
    part = used(policy, "a", 10, 1)
    assert policy.aged(part.usage) == pytest.approx(1.0)
    for _ in range(4):
        policy.count()
    assert policy.aged(part.usage) == pytest.approx(0.5)


def test_main_memory_forgets_what_was_popular_long_ago():
    policy = Policy(one_tier=False, half_life=2)
    once_popular = used(policy, "past", 10, 5)
    for _ in range(12):
        policy.count()
    recent = used(policy, "recent", 10, 2)
    assert names(policy.ram_victims([recent, once_popular], 10)) == ["past"]


def test_halving_ends_at_the_least_value():
    degrade = halve("batch", least=2)
    assert degrade({"batch": 8, "size": 5}) == {"batch": 4, "size": 5}
    assert degrade({"batch": 3}) == {"batch": 2}
    assert degrade({"batch": 2}) is None


def test_a_model_without_parts_is_refused_and_keys_read_well():
    with pytest.raises(ValueError, match="no parts"):
        ModelSpec(name="m", parts={})
    key = ComponentKey("me/model", "a" * 40, "unet", "UNet", "float16", "int8")
    assert str(key) == "me/model/unet@aaaaaaaa UNet float16+int8"
