# SPDX-License-Identifier: Apache-2.0
"""Nova's known mistakes, as the changes that put them right.

What Nova decides otherwise than ``expect`` must come to agree once some of these are made;
``tests/functional/test_oracle.py`` has the cases, and ``README.rst`` what is wrong and why.
"""

import contextlib
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from nova.scheduler.filters import numa_topology_filter
from nova.virt import hardware

# By name: a module or class, its function, and the pieces of that which are replaced.
REPAIRS: dict[str, tuple[Any, str, tuple[tuple[str, str], ...]]] = {
    "search-changes-request": (
        hardware,
        "numa_fit_instance_to_host",
        (
            ("fit_cache = set()\n    for", "fit_cache = {}\n    for"),
            (
                "cell_pair = (host_cell.id, instance_cell.id)",
                "cell_pair = (host_cell.id, len(chosen_instance_cells))",
            ),
            (
                "instance_cell.id = host_cell.id\n"
                "                chosen_instance_cells.append(instance_cell)",
                "chosen_instance_cells.append(fit_cache[cell_pair])",
            ),
            (
                "host_cell, instance_cell, limits, cpuset_reserved)",
                "host_cell, instance_cell.obj_clone(), limits, cpuset_reserved)",
            ),
            (
                "fit_cache.add(cell_pair)\n\n        if len",
                "fit_cache[cell_pair] = got_cell\n\n        if len",
            ),
        ),
    ),
    "nothing-to-pin": (
        hardware,
        "_pack_instance_onto_cores",
        (
            (
                "    # get number of threads per core in host's cell\n",
                "    if not instance_cell.pcpuset:\n"
                "        free = sorted(host_cell.free_pcpus)[:num_cpu_reserved]\n"
                "        instance_cell.id = host_cell.id\n"
                "        instance_cell.cpuset_reserved = set(free) or None\n"
                "        return instance_cell\n"
                "    # get number of threads per core in host's cell\n",
            ),
        ),
    ),
    "filter-asks-image": (
        numa_topology_filter.NUMATopologyFilter,
        "_satisfies_cpu_policy",
        (
            (
                "cpu_thread_policy = [extra_specs.get('hw:cpu_thread_policy'),",
                "cpu_thread_policy = [extra_specs.get('hw:cpu_thread_policy') or",
            ),
        ),
    ),
}


@contextlib.contextmanager
def made(names: Sequence[str]) -> Iterator[None]:
    """Nova with these repairs.

    :raises LookupError: Nova's code is no longer what the repair was written for
    """
    before = []
    try:
        for name in names:
            owner, function, pieces = REPAIRS[name]
            original = getattr(owner, function)
            before.append((owner, function, original))
            source = textwrap.dedent(inspect.getsource(original))
            for old, new in pieces:
                if source.count(old) != 1:
                    raise LookupError(f"{function} has {source.count(old)} of {old!r}; see {name}")
                source = source.replace(old, new)
            repaired: dict[str, Any] = {}
            exec(compile(source, f"<{name}>", "exec"), original.__globals__, repaired)
            setattr(owner, function, repaired[function])
        yield
    finally:
        for owner, function, original in reversed(before):
            setattr(owner, function, original)
