"""Whether what concurrent clients saw of one model could have happened one call after the other.

After Wing and Gong, Testing and Verifying Concurrent Objects (1993): a search for an order of the calls that respects
who ended before whom began, and in which each call's answer is right. For histories of a few calls.
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Operation:
    """One call and what is known from its answer.

    `writes` is what it makes of the model (True: loaded), None for nothing; `reads` what it saw, None for nothing. One
    that failed is not `certain`: it happened or it did not, and perhaps later than its answer.
    """
    begin: float
    end: float
    writes: bool | None = None
    reads: bool | None = None
    certain: bool = True

    @property
    def deadline(self):
        return self.end if self.certain else math.inf


def is_linearizable(operations, loaded):
    """Whether there is an order, from a model that is `loaded` or not before the first."""
    return _search(frozenset(range(len(operations))), loaded, operations, set())


def _search(left, loaded, operations, failed):
    if all(not operations[index].certain for index in left):
        return True
    if (left, loaded) in failed:
        return False
    earliest = min(operations[index].deadline for index in left)
    for index in left:
        operation = operations[index]
        if operation.begin > earliest:
            continue
        if operation.reads not in (None, loaded):
            continue
        after = loaded if operation.writes is None else operation.writes
        if _search(left - {index}, after, operations, failed):
            return True
    failed.add((left, loaded))
    return False
