# SPDX-License-Identifier: Apache-2.0
"""Nova's known mistakes in ``nova/virt/hardware.py``, as the changes that put them right.

What Nova decides otherwise than ``expect`` must come to agree once some of these are made;
``tests/functional/test_oracle.py`` has the cases, and ``README.rst`` what is wrong and why.
"""

import contextlib
import inspect
from collections.abc import Iterator, Sequence

from nova.virt import hardware

# By name: the function, and its pieces that are replaced.
REPAIRS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "search-changes-request": (
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
}


@contextlib.contextmanager
def made(names: Sequence[str]) -> Iterator[None]:
    """Nova with these repairs.

    :raises LookupError: Nova's code is no longer what the repair was written for
    """
    before = {}
    for name in names:
        function, pieces = REPAIRS[name]
        before[function] = getattr(hardware, function)
        source = inspect.getsource(before[function])
        for old, new in pieces:
            if source.count(old) != 1:
                raise LookupError(f"{function} has {source.count(old)} of {old!r}; see {name!r}")
            source = source.replace(old, new)
        exec(compile(source, f"<{name}>", "exec"), hardware.__dict__)
    try:
        yield
    finally:
        for function, original in before.items():
            setattr(hardware, function, original)
