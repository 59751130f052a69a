"""Nodes of Ray on this machine, brought up as patiently as vagent itself does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vagent.index.cluster.reaching import persistent

NODE = {"num_cpus": 1, "object_store_memory": 100 << 20}  # room for one task of the settings of these tests
_HEAD = {"num_cpus": 0, "object_store_memory": 100 << 20, "include_dashboard": False}
KNOWN = 120.0  # seconds after which Ray should know which of its nodes live


@contextmanager
def cluster() -> Iterator[Any]:
    """A head that takes no films and one node that takes one at a time."""
    from ray.cluster_utils import Cluster

    made = persistent(lambda: Cluster(initialize_head=True, head_node_args=_HEAD))
    try:
        add_node(made)
        yield made
    finally:
        made.shutdown()


def add_node(made: Any) -> None:
    """One more node of a cluster that takes one film at a time."""

    def start() -> None:
        known = set(made.worker_nodes)
        made.wait_for_nodes(KNOWN)  # one that was killed before counts for a while still
        try:
            made.add_node(**NODE)
        except BaseException:
            made.worker_nodes = known
            raise

    persistent(start)
