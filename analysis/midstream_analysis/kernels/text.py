"""Short strings: Levenshtein and LCS of two `str` of which the first has at most 64 characters, without arrays.

At 30 characters the recurrence takes 0.05 us and the making of two numpy arrays ten times that. So a numba type of our
own unboxes a `str` straight to CPython's UTF-8 view of it (`PyUnicode_AsUTF8AndSize`, stable API), and the entry
point is called past numba's type dispatch. Whatever does not fit answers -1, and the caller takes the general road.
"""

# mypy: ignore-errors
# (numba's extension API has no types)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils, config
from numba.extending import NativeValue, intrinsic, models, register_model, unbox

from midstream_analysis.kernels.edit import _bits

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
LONGEST = 4096  # bytes: the GIL is kept, since letting it go costs as much as the work; this bounds how long (20 us)


class Utf8View(types.Type):
    """A borrowed view of a str's UTF-8 bytes; lives as long as the call."""

    def __init__(self) -> None:
        super().__init__(name="Utf8View")


VIEW = Utf8View()


@register_model(Utf8View)
class _Model(models.StructModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, [("data", types.CPointer(types.uint8)), ("size", types.intp)])


@unbox(Utf8View)
def _unbox(typ: Any, obj: Any, c: Any) -> Any:
    size = cgutils.alloca_once(c.builder, c.pyapi.py_ssize_t)
    signature = ir.FunctionType(cgutils.voidptr_t, [c.pyapi.pyobj, c.pyapi.py_ssize_t.as_pointer()])
    data = c.builder.call(c.pyapi._get_function(signature, name="PyUnicode_AsUTF8AndSize"), [obj, size])
    view = cgutils.create_struct_proxy(typ)(c.context, c.builder)
    view.data, view.size = data, c.builder.load(size)
    return NativeValue(view._getvalue(), is_error=cgutils.is_null(c.builder, data))


@intrinsic
def _view(typing: Any, text: Any) -> Any:
    """The pointer and the size."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        view = cgutils.create_struct_proxy(signature.args[0])(context, b, value=args[0])
        return context.make_tuple(b, signature.return_type, (view.data, view.size))

    return types.Tuple((types.CPointer(types.uint8), types.intp))(text), emit


@intrinsic
def _table(typing: Any) -> Any:
    """128 zeroed words on the stack: a heap array would cost as much as the recurrence."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        words = cgutils.alloca_once(b, ir.ArrayType(word, 128))
        cgutils.memset(b, b.bitcast(words, cgutils.voidptr_t), ir.Constant(word, 8 * 128), 0)
        return b.bitcast(words, word.as_pointer())

    return types.CPointer(types.uint64)(), emit


@njit(cache=True)
def _text_lcs(a, b):
    a_data, n = _view(a)
    b_data, m = _view(b)
    if n > 64 or m > LONGEST:
        return -1
    first, second, masks = carray(a_data, (n,)), carray(b_data, (m,)), carray(_table(), (128,))
    seen = np.uint8(0)
    for i in range(n):
        seen |= first[i]
        masks[first[i] & 127] |= _ONE << np.uint64(i)
    v = _ALL
    for j in range(m):
        seen |= second[j]
        u = v & masks[second[j] & 127]
        v = (v + u) | (v - u)
    return _bits(~v) if seen < 128 else -1


@njit(cache=True)
def _text_edit(a, b):
    a_data, n = _view(a)
    b_data, m = _view(b)
    if n > 64 or m > LONGEST:
        return -1
    first, second, masks = carray(a_data, (n,)), carray(b_data, (m,)), carray(_table(), (128,))
    seen = np.uint8(0)
    for i in range(n):
        seen |= first[i]
        masks[first[i] & 127] |= _ONE << np.uint64(i)
    plus, minus = _ALL, np.uint64(0)
    for j in range(m):
        seen |= second[j]
        match = masks[second[j] & 127]
        d0 = (((match & plus) + plus) ^ plus) | match | minus
        hp, hn = minus | ~(d0 | plus), d0 & plus
        hp, hn = (hp << _ONE) | _ONE, hn << _ONE
        plus, minus = hn | ~(d0 | hp), hp & d0
    keep = _ALL if n == 64 else (_ONE << np.uint64(n)) - _ONE
    distance = m + _bits(plus & keep) - _bits(minus & keep)
    return distance if seen < 128 else -1


def entry(kernel: Any) -> Callable[[Any, Any], int]:
    """The compiled entry point (compiled or loaded from the cache now); TypeError from it for what is no str."""
    if config.DISABLE_JIT:
        return lambda a, b: -1
    kernel.compile((VIEW, VIEW))
    point: Callable[[Any, Any], int] = kernel.overloads[(VIEW, VIEW)].entry_point
    return point
