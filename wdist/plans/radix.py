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

__all__ = ["Array", "sort_line", "sort_weighted"]

Array = np.ndarray[Any, Any]

CROSSOVER = {8: 2_000, 4: 4_000}
"""By the bytes of a float: from so many points on this is quicker than NumPy's own sort (measured)."""
CROSSOVER_WEIGHTED = 1_000
"""The same for points with their masses: NumPy's argsort is slower than its sort."""
DIGIT = 8
"""Bits of a digit: a scatter writes to 256 places, whose lines fit into the first cache."""
SPARE_BITS = 10
"""Bits sorted beyond log2(n): few values then have a neighbour that these do not tell apart."""
MOVES = 2
"""Moves a point that the insertion pass may take before all digits are sorted instead."""
NOTHING = np.empty(0)


def sort_line(x: Array) -> Array:
    """Sort points on the line.

    Args:
        x: Shape (n,), float32 or float64, finite; not written to, and returned itself if it is in order.

    Returns:
        The same values in ascending order, (n,), in the dtype of x.
    """
    return np.sort(x) if x.size < CROSSOVER[x.itemsize] else _radix_sort(x, NOTHING)[0]


def sort_weighted(x: Array, weights: Array) -> tuple[Array, Array]:
    """Sort points on the line, each with its mass.

    Args:
        x: Shape (n,), float32 or float64, finite; not written to, and returned itself if it is in order.
        weights: Masses (n,), float64; likewise.

    Returns:
        The points in ascending order and their masses, (n,) each.
    """
    if x.size < CROSSOVER_WEIGHTED:
        order = np.argsort(x)
        return x[order], weights[order]
    return _radix_sort(x, weights)


def _radix_sort(x: Array, carried: Array) -> tuple[Array, Array]:
    """Sort x, and `carried` along with it unless that is empty."""
    x, carried = np.ascontiguousarray(x), np.ascontiguousarray(carried)
    bits = x.view(np.int64 if x.itemsize == 8 else np.int32)
    flip = np.int64(np.iinfo(bits.dtype).max)
    low, high, in_order = _ends(bits, flip)
    if in_order:
        return x, carried
    origin, span = np.uint64(low % 2**64), (high - low).bit_length()
    upper = min(span, x.size.bit_length() + SPARE_BITS)
    for lowest in (max(0, span + (-upper // DIGIT) * DIGIT), 0):
        keys, along, room = _by_digits(bits, carried, flip, origin, lowest, span)
        if _mend(keys, along, MOVES * x.size if lowest else 0):
            break
    out = room.view(bits.dtype)
    _decode(keys, flip, origin, out)
    return out.view(x.dtype), along


def _by_digits(
    bits: Array, carried: Array, flip: np.int64, origin: np.uint64, lowest: int, span: int
) -> tuple[Array, Array, Array]:
    """Sort by the bits from `lowest` up to `span`: keys (n,), what they carried, and room for n more keys."""
    keys = np.empty(bits.size, np.uint64 if bits.itemsize == 8 else np.uint32)
    counts = np.zeros(1 << DIGIT, np.int64)
    _encode(bits, flip, origin, keys, np.uint64(lowest), counts)
    room, along, aside = np.empty_like(keys), carried.copy(), np.empty_like(carried)
    for shift in range(lowest, span, DIGIT):
        after = np.zeros_like(counts)
        _scatter(keys, room, along, aside, np.uint64(shift), np.uint64(min(shift + DIGIT, 63)), counts, after)
        keys, room, along, aside, counts = room, keys, aside, along, after
    return keys, along, room


@njit(cache=True, nogil=True)
def _ends(bits: Array, flip: np.int64) -> tuple[int, int, bool]:
    """Give the smallest and the largest key, as signed numbers, and whether they are in order already."""
    low = high = bits[0] ^ ((bits[0] >> 63) & flip)
    for i in range(bits.size):
        key = bits[i] ^ ((bits[i] >> 63) & flip)
        low, high = min(low, key), max(high, key)
    for i in range(1, bits.size):
        if bits[i] ^ ((bits[i] >> 63) & flip) < bits[i - 1] ^ ((bits[i - 1] >> 63) & flip):
            return low, high, False
    return low, high, True


@njit(cache=True, nogil=True)
def _encode(
    bits: Array, flip: np.int64, origin: np.uint64, keys: Array, shift: np.uint64, counts: Array
) -> None:
    """Turn floats into keys, and count the digit at `shift`."""
    mask = np.uint64(counts.size - 1)
    for i in range(bits.size):
        signed = np.int64(bits[i])
        key = np.uint64(signed ^ ((signed >> 63) & flip)) - origin
        keys[i] = key
        counts[(key >> shift) & mask] += 1


@njit(cache=True, nogil=True)
def _scatter(
    keys: Array,
    out: Array,
    carried: Array,
    carried_out: Array,
    shift: np.uint64,
    next_shift: np.uint64,
    counts: Array,
    next_counts: Array,
) -> None:
    """Write keys in the order of the digit at `shift`, those with one digit as they stood; count the next."""
    mask = np.uint64(counts.size - 1)
    carry = carried.size > 0
    total = 0
    for digit in range(counts.size):
        start = total
        total += counts[digit]
        counts[digit] = start
    for i in range(keys.size):
        key = keys[i]
        digit = (key >> shift) & mask
        place = counts[digit]
        counts[digit] = place + 1
        out[place] = key
        if carry:
            carried_out[place] = carried[i]
        next_counts[(key >> next_shift) & mask] += 1


@njit(cache=True, nogil=True)
def _mend(keys: Array, carried: Array, budget: int) -> bool:
    """Sort by insertion what is nearly in order; stop, and say False, once `budget` moves do not do."""
    carry = carried.size > 0
    for i in range(1, keys.size):
        key = keys[i]
        if keys[i - 1] > key:
            mass = carried[i] if carry else 0.0
            j = i
            while j > 0 and keys[j - 1] > key and budget >= 0:
                keys[j] = keys[j - 1]
                if carry:
                    carried[j] = carried[j - 1]
                j -= 1
                budget -= 1
            if budget < 0:
                return False
            keys[j] = key
            if carry:
                carried[j] = mass
    return True


@njit(cache=True, nogil=True)
def _decode(keys: Array, flip: np.int64, origin: np.uint64, bits: Array) -> None:
    """Turn keys into floats again."""
    for i in range(keys.size):
        signed = np.int64(np.uint64(keys[i]) + origin)
        bits[i] = signed ^ ((signed >> 63) & flip)
