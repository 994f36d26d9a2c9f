"""Every workload by name, in the order in which they are run."""

from ..workload import Workload
from . import arrays, chains, compiled, graphs, networks, recurrent, training

FAMILIES = (chains, arrays, graphs, training, networks, recurrent, compiled)
WORKLOADS: dict[str, Workload] = {
    workload.name: workload for family in FAMILIES for workload in family.WORKLOADS
}
