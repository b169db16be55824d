"""Bit-parallel steps on eight 64-bit words at once, as LLVM vectors: one 512-bit register, or halves of it.

The words of one column of a bit-parallel recurrence hang together by the carry of an addition. Words are added lane by
lane; which lanes overflow (generate) and which are all ones (propagate) become two 8-bit numbers, and one scalar
addition of those resolves all carries (carry lookahead). A loop over words with a carry in it is three to four times
slower and does not vectorise.
"""

# mypy: ignore-errors
# (numba's extension API has no types)

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

LANES = 8  # words in a block
_I64 = ir.IntType(64)
_BITS = ir.IntType(LANES)
_BLOCK = ir.VectorType(_I64, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_BLOCK, [value] * LANES)


def _pointer(context: Any, b: Any, array_type: Any, array: Any, index: Any) -> Any:
    address = b.gep(make_array(array_type)(context, b, array).data, [index])
    return b.bitcast(address, _BLOCK.as_pointer())


def _add(b: Any, x: Any, y: Any, carry: Any) -> tuple[Any, Any]:
    """x + y + carry over the whole block, and the carry out."""
    lanes = b.add(x, y)
    generate = b.zext(b.bitcast(b.icmp_unsigned("<", lanes, x), _BITS), _I64)
    propagate = b.zext(b.bitcast(b.icmp_unsigned("==", lanes, _splat(-1)), _BITS), _I64)
    resolved = b.add(b.or_(b.shl(generate, _I64(1)), carry), propagate)
    carries = b.bitcast(b.trunc(b.xor(resolved, propagate), _BITS), _MASK)
    return b.add(lanes, b.zext(carries, _BLOCK)), b.lshr(resolved, _I64(LANES))


def _shift(b: Any, x: Any, low: Any) -> tuple[Any, Any]:
    """x << 1 over the whole block with bit `low` (i64, 0 or 1) shifted in, and the bit shifted out."""
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [LANES, *range(LANES - 1)])
    tops = b.lshr(b.shuffle_vector(x, _splat(0), order), _splat(63))
    tops = b.insert_element(tops, low, ir.IntType(32)(0))
    out = b.lshr(b.extract_element(x, ir.IntType(32)(LANES - 1)), _I64(63))
    return b.or_(b.shl(x, _splat(1)), tops), out


@intrinsic
def lcs_block(typing: Any, row: Any, masks: Any, word: Any, offset: Any, carry: Any) -> Any:
    """One column of Hyyro's LCS recurrence on the block at `word`: V = (V + (V & M)) | (V & ~M). Returns the carry."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        row, masks, word, offset, carry = args
        at = _pointer(context, b, signature.args[0], row, word)
        v = b.load(at, align=8)
        match = b.load(_pointer(context, b, signature.args[1], masks, b.add(offset, word)), align=8)
        u = b.and_(v, match)
        total, carry = _add(b, v, u, carry)
        b.store(b.or_(total, b.xor(v, u)), at, align=8)
        return carry

    return types.int64(row, masks, types.int64, types.int64, types.int64), emit


@intrinsic
def edit_block(typing: Any, plus: Any, minus: Any, masks: Any, word: Any, offset: Any, state: Any) -> Any:
    """One column of Myers' recurrence (in Hyyro's form) on the block at `word`.

    `plus`, `minus`: vertical differences; `state` = (carry, horizontal +1, horizontal -1) of the block below.
    """
    triple = types.UniTuple(types.int64, 3)

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        plus, minus, masks, word, offset, state = args
        carry, up, down = (b.extract_value(state, k) for k in range(3))
        at_plus = _pointer(context, b, signature.args[0], plus, word)
        at_minus = _pointer(context, b, signature.args[1], minus, word)
        vp, vn = b.load(at_plus, align=8), b.load(at_minus, align=8)
        match = b.load(_pointer(context, b, signature.args[2], masks, b.add(offset, word)), align=8)
        total, carry = _add(b, vp, b.and_(match, vp), carry)
        d0 = b.or_(b.or_(b.xor(total, vp), match), vn)
        hp, hn = b.or_(vn, b.not_(b.or_(d0, vp))), b.and_(d0, vp)
        hp, up = _shift(b, hp, up)
        hn, down = _shift(b, hn, down)
        b.store(b.or_(hn, b.not_(b.or_(d0, hp))), at_plus, align=8)
        b.store(b.and_(hp, d0), at_minus, align=8)
        return cgutils.pack_array(b, [carry, up, down], _I64)

    return triple(plus, minus, masks, types.int64, types.int64, triple), emit
