"""Short strings: Levenshtein and LCS of two `str` of which the first has at most 64 characters, without arrays.

At 30 characters the recurrence takes 0.05 us, the making of two numpy arrays ten times that, and numba's own entry
point half as much again. So the kernels are C functions that CPython calls as it calls its own (METH_FASTCALL, stable
API since 3.10) and read its UTF-8 view of a `str` in place (`PyUnicode_AsUTF8AndSize`). What does not fit raises
TypeError, and the caller takes the general road.
"""

# mypy: ignore-errors
# (numba's extension API has no types)

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, types
from numba.core import cgutils, config
from numba.extending import intrinsic

from midstream_analysis.kernels.edit import _bits

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_FASTCALL = 0x0080
LONGEST = 4096  # bytes: the GIL is kept, since letting it go costs as much as the work; this bounds how long (20 us)
_CALL = types.intp(
    types.intp, types.CPointer(types.intp), types.intp
)  # self, arguments, how many; all borrowed


@intrinsic
def _utf8(typing: Any, text: Any) -> Any:
    """Pointer to the UTF-8 bytes of an object and their number, which lives as long as the str; -1 and an exception
    set for what is no str, or has no UTF-8."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        size_type = context.get_value_type(types.intp)
        size = cgutils.alloca_once_value(b, ir.Constant(size_type, -1))
        called = ir.FunctionType(cgutils.voidptr_t, [cgutils.voidptr_t, size_type.as_pointer()])
        function = cgutils.get_or_insert_function(b.module, called, "PyUnicode_AsUTF8AndSize")
        data = b.call(function, [b.inttoptr(args[0], cgutils.voidptr_t), size])
        length = b.select(cgutils.is_null(b, data), ir.Constant(size_type, -1), b.load(size))
        return context.make_tuple(b, signature.return_type, (data, length))

    return types.Tuple((types.CPointer(types.uint8), types.intp))(text), emit


@intrinsic
def _characters(typing: Any, text: Any) -> Any:
    """How many characters a str has: as many as bytes when all are ASCII."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        called = ir.FunctionType(context.get_value_type(types.intp), [cgutils.voidptr_t])
        function = cgutils.get_or_insert_function(b.module, called, "PyUnicode_GetLength")
        return b.call(function, [b.inttoptr(args[0], cgutils.voidptr_t)])

    return types.intp(text), emit


@intrinsic
def _integer(typing: Any, value: Any) -> Any:
    """A new Python integer."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        word = context.get_value_type(types.intp)
        called = ir.FunctionType(cgutils.voidptr_t, [word])
        function = cgutils.get_or_insert_function(b.module, called, "PyLong_FromSsize_t")
        return b.ptrtoint(b.call(function, [args[0]]), word)

    return types.intp(types.intp), emit


@intrinsic
def _unfit(typing: Any) -> Any:
    """NULL, with TypeError set."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(ir.IntType(32), []), "PyErr_BadArgument"
        )
        b.call(function, [])
        return ir.Constant(context.get_value_type(types.intp), 0)

    return types.intp(), emit


@intrinsic
def _table(typing: Any) -> Any:
    """128 zeroed words on the stack: a heap array would cost as much as the recurrence."""

    def emit(context: Any, b: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        words = cgutils.alloca_once(b, ir.ArrayType(word, 128))
        cgutils.memset(b, b.bitcast(words, cgutils.voidptr_t), ir.Constant(word, 8 * 128), 0)
        return b.bitcast(words, word.as_pointer())

    return types.CPointer(types.uint64)(), emit


def short_lcs(self, arguments, count):
    pair = carray(arguments, (2,))
    a_data, n = _utf8(pair[0])
    if n < 0:
        return 0  # NULL: the exception is set
    b_data, m = _utf8(pair[1])
    if m < 0:
        return 0
    if n > 64 or m > LONGEST or _characters(pair[0]) != n or _characters(pair[1]) != m:  # or not ASCII
        return _unfit()
    first, second, masks = carray(a_data, (n,)), carray(b_data, (m,)), carray(_table(), (128,))
    for i in range(n):
        masks[first[i] & 127] |= _ONE << np.uint64(i)
    v = _ALL
    for j in range(m):
        u = v & masks[second[j] & 127]
        v = (v + u) | (v - u)
    return _integer(_bits(~v))


def short_edit(self, arguments, count):
    pair = carray(arguments, (2,))
    a_data, n = _utf8(pair[0])
    if n < 0:
        return 0
    b_data, m = _utf8(pair[1])
    if m < 0:
        return 0
    if n > 64 or m > LONGEST or _characters(pair[0]) != n or _characters(pair[1]) != m:  # or not ASCII
        return _unfit()
    first, second, masks = carray(a_data, (n,)), carray(b_data, (m,)), carray(_table(), (128,))
    for i in range(n):
        masks[first[i] & 127] |= _ONE << np.uint64(i)
    plus, minus = _ALL, np.uint64(0)
    for j in range(m):
        match = masks[second[j] & 127]
        d0 = (((match & plus) + plus) ^ plus) | match | minus
        hp, hn = minus | ~(d0 | plus), d0 & plus
        hp, hn = (hp << _ONE) | _ONE, hn << _ONE
        plus, minus = hn | ~(d0 | hp), hp & d0
    keep = _ALL if n == 64 else (_ONE << np.uint64(n)) - _ONE
    return _integer(m + _bits(plus & keep) - _bits(minus & keep))


class _MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _none_fits(a: Any, b: Any) -> int:
    raise TypeError


_alive: list[Any] = []  # what CPython keeps pointers to


def entry(kernel: Any) -> Callable[[Any, Any], int]:
    """The kernel as a built-in function of two objects (compiled or loaded from the cache now).

    It raises TypeError for what is no str, too long or not ASCII, and UnicodeEncodeError for a lone surrogate.
    """
    if config.DISABLE_JIT:
        return _none_fits
    compiled = cfunc(_CALL, cache=True)(kernel)
    definition = _MethodDef(kernel.__name__.encode(), compiled.address, _FASTCALL, None)
    _alive.extend((compiled, definition))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    point: Callable[[Any, Any], int] = make(ctypes.addressof(definition), None, None)
    return point
