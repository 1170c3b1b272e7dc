"""Sorting floats in linear time: a radix sort over the bits that can tell the values apart.

A float's bits, all but the sign flipped where it is negative, order like whole numbers; less the smallest
they are keys of `span` bits. The upper bits are sorted digit by digit, the last digit first, each pass a
counted scatter. Few neighbours then share all of these bits, and an insertion pass mends them; where that
would not pay (values crowded together far from an outlier), every digit is sorted. A pass is one compiled
call, so that an interrupt is heard between two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from wdist.plans.buckets import bucket_sort, mend
from wdist.plans.room import Room

__all__ = ["Array", "sort_line", "sort_weighted"]

Array = np.ndarray[Any, Any]

CROSSOVER = {8: 1200, 4: 2000}
"""By the bytes of a float: from so many points on this is quicker than np.sort (measured, with AVX-512)."""
CROSSOVER_WEIGHTED = 600
"""The same for points with their masses, against np.argsort."""
BUCKETS, BUCKETS_WEIGHTED = range(400, 2**15), range(64, 2**15)
"""Numbers of points that buckets are quicker for than either: later, their places leave the cache."""
NOTHING = np.empty(0)
DIGIT = 8
"""Bits of a digit: a scatter writes to 256 places, whose lines fit into the first cache."""
SPARE_BITS = 10
"""Bits sorted beyond log2(n): few values then have a neighbour that these do not tell apart."""
MOVES = 2
"""Moves a point that the insertion pass may take before all digits are sorted instead."""
AT_ONCE = 2**20
"""Points that are sorted in one compiled call, which takes some ten milliseconds."""


def sort_line(x: Array, room: Room | None = None) -> Array:
    """Sort points on the line.

    Args:
        x: Shape (n,), float32 or float64, finite; not written to, but a large one in order is returned itself.
        room: Where working memory and the result are taken from.

    Returns:
        The same values in ascending order, (n,), in the dtype of x.
    """
    if x.size in BUCKETS:
        points, _, in_order = bucket_sort(x, NOTHING)
        if in_order:
            return points
    if x.size < CROSSOVER[x.itemsize]:
        return np.sort(x)
    return _radix_sort(x, NOTHING, room or Room())[0]


def sort_weighted(x: Array, weights: Array, room: Room | None = None) -> tuple[Array, Array]:
    """Sort points on the line, each with its mass.

    Args:
        x: Shape (n,), float32 or float64, finite; not written to, but a large one in order is returned itself.
        weights: Masses (n,), float64; likewise.
        room: Where working memory and the result are taken from.

    Returns:
        The points in ascending order and their masses, (n,) each.
    """
    if x.size in BUCKETS_WEIGHTED:
        points, masses, in_order = bucket_sort(x, weights)
        if in_order:
            return points, masses
    if x.size < CROSSOVER_WEIGHTED:
        order = np.argsort(x)
        return x[order], weights[order]
    return _radix_sort(x, weights, room or Room())


def _radix_sort(x: Array, carried: Array, room: Room) -> tuple[Array, Array]:
    """Sort x, and `carried` along with it unless that is empty."""
    x, carried = np.ascontiguousarray(x), np.ascontiguousarray(carried)
    bits = x.view(np.int64 if x.itemsize == 8 else np.int32)
    low, span, in_order = _ends(bits)
    if in_order:
        return x, carried
    word = np.uint64 if x.itemsize == 8 else np.uint32
    keys, space = room.take(x.size, word), room.take(x.size, word)
    along = aside = carried
    if carried.size:
        along, aside = room.take(x.size, np.float64), room.take(x.size, np.float64)
    sort: Any = _sort if x.size > AT_ONCE else _sort_at_once
    keys, space, along, aside = sort(bits, carried, low, span, keys, space, along, aside)
    room.back(space)
    room.back(aside)
    return keys.view(x.dtype), along


def _sort(
    bits: Array, carried: Array, low: int, span: int, keys: Array, space: Array, along: Array, aside: Array
) -> tuple[Array, Array, Array, Array]:
    """Sort into the first and the third of the arrays returned; all are those passed, with roles swapped."""
    upper = min(span, _length(bits.size) + SPARE_BITS)
    for lowest in (max(0, span - (upper + DIGIT - 1) // DIGIT * DIGIT), 0):
        along[:] = carried
        counts = np.zeros(1 << DIGIT, np.int64)
        _encode(bits, low, lowest, keys, counts)
        for shift in range(lowest, span, DIGIT):
            following = np.zeros(1 << DIGIT, np.int64)
            _scatter(keys, space, along, aside, shift, counts, following)
            keys, space, along, aside, counts = space, keys, aside, along, following
        if lowest == 0 or mend(keys, along, MOVES * keys.size):
            break
    _decode(keys, low)
    return keys, space, along, aside


@njit(cache=True, nogil=True)
def _length(number: int) -> int:
    """Count the bits up to the highest that is set."""
    length = 0
    while number > 0:
        number >>= 1
        length += 1
    return length


@njit(cache=True, inline="always")
def _flip(array: Array) -> int:
    """All bits but the sign: these are flipped in negative floats, which makes whole numbers of their order."""
    return 0x7FFF_FFFF_FFFF_FFFF if array.itemsize == 8 else 0x7FFF_FFFF


@njit(cache=True, nogil=True)
def _ends(bits: Array) -> tuple[int, int, bool]:
    """Give the smallest key, the number of bits by which others exceed it, and whether all are in order."""
    flip = _flip(bits)
    low = high = bits[0] ^ ((bits[0] >> 63) & flip)
    for i in range(bits.size):
        key = bits[i] ^ ((bits[i] >> 63) & flip)
        low, high = min(low, key), max(high, key)
    span, reach = 0, np.uint64(high) - np.uint64(low)
    while reach > 0:
        reach >>= np.uint64(1)
        span += 1
    before = low
    for i in range(bits.size):
        key = bits[i] ^ ((bits[i] >> 63) & flip)
        if key < before:
            return int(low), span, False
        before = key
    return int(low), span, True


@njit(cache=True, nogil=True)
def _encode(bits: Array, low: int, shift: int, keys: Array, counts: Array) -> None:
    """Turn floats into keys, and count the digit at `shift`."""
    flip, mask = _flip(bits), np.uint64(counts.size - 1)
    origin, here = np.uint64(low), np.uint64(shift)
    for i in range(bits.size):
        signed = np.int64(bits[i])
        key = np.uint64(signed ^ ((signed >> 63) & flip)) - origin
        keys[i] = key
        counts[(key >> here) & mask] += 1


@njit(cache=True, nogil=True)
def _scatter(
    keys: Array, out: Array, carried: Array, carried_out: Array, shift: int, counts: Array, following: Array
) -> None:
    """Write keys in the order of the digit at `shift`, those of one digit as they stood; count the next one."""
    mask, here, after = np.uint64(counts.size - 1), np.uint64(shift), np.uint64(min(shift + DIGIT, 63))
    carry = carried.size > 0
    total = 0
    for digit in range(counts.size):
        place = total
        total += counts[digit]
        counts[digit] = place
    for i in range(keys.size):
        key = np.uint64(keys[i])
        place = counts[(key >> here) & mask]
        counts[(key >> here) & mask] = place + 1
        out[place] = key
        if carry:
            carried_out[place] = carried[i]
        following[(key >> after) & mask] += 1


@njit(cache=True, nogil=True)
def _decode(keys: Array, low: int) -> None:
    """Turn keys into the bits of floats again, in place."""
    flip, origin = _flip(keys), np.uint64(low)
    for i in range(keys.size):
        signed = np.int64(np.uint64(keys[i]) + origin)
        keys[i] = np.uint64(signed ^ ((signed >> 63) & flip))


_sort_at_once = njit(_sort, cache=True, nogil=True)
