"""`--ray` takes the next argument only where that is the address of a cluster."""

from __future__ import annotations

import pytest

from vagent._ray_option import _with_values


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("films --ray", "films --ray="),
        ("--ray films", "--ray= films"),
        ("films --ray --json", "films --ray= --json"),
        ("films --ray auto", "films --ray auto"),
        ("films --ray head:6379 --json", "films --ray head:6379 --json"),
        ("--ray [fd00::1]:6379 films", "--ray [fd00::1]:6379 films"),
        ("--ray s3://bucket/films", "--ray= s3://bucket/films"),
        ("--ray ray://head:10001 films", "--ray ray://head:10001 films"),
        ("--ray=auto films", "--ray=auto films"),
        ("films -- --ray", "films -- --ray"),
        ("films", "films"),
    ],
)
def test_what_belongs_to_the_option(given: str, read: str) -> None:
    assert list(_with_values(given.split())) == read.split()
