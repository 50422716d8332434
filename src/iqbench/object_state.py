"""The state of any Python object, as a digest: weights, arrays and plain values, wherever in it they are."""

import hashlib
import io
import re
import zipfile
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from iqbench.custom_code import code_of_class, is_own, is_users
from iqbench.file_contents import content_digest

MAX_DEPTH = 100
"""Depth to which objects inside objects are described."""

_BOOKKEEPING = frozenset(vars(nn.Module())) | {"_is_torch_compile"}
"""Attributes that every module has. What counts of them is described by itself."""

PATH_MARKS = frozenset("/\\.")
"""Characters of which a text needs one to count as the path of a file."""

_PLAIN = (bool, int, float, str, tuple, Tensor, np.ndarray)
"""Kinds of class attributes that count: a list or dict of a class is often a cache."""

_VOLATILE_RECORDS = (".debug_pkl", "serialization_id")
"""Records of a saved ScriptModule that differ where nothing is different."""


_CONSTANT = re.compile(rb"^ +\w+ : Final\[.*\n", re.MULTILINE)
"""A line of a ScriptModule's code that declares a constant."""


def state_digest(value: object) -> bytes:
    """Return a digest of the state of an object: the same in every process, on every device.

    An object is described by its class, the user's own code of that class, and all that a pickle would hold: of a
    module its parameters, buffers, extra state and other attributes. The path of a file counts by the file's content.
    Of what cannot be pickled only the class counts. Attributes that are None, and tensors that were computed in
    inference mode, are left out, since they are what a model remembers and not what it is.

    Example:
        >>> state_digest({"a": np.zeros(2), "b": (1, "x")}) == state_digest({"b": (1, "x"), "a": np.zeros(2)})
        True
        >>> state_digest([torch.zeros(1)]) == state_digest([torch.zeros(2)])
        False
    """
    return _Walk().digest(value)


def tensor_parts(tensor: Tensor) -> list[Any]:
    """Return what a tensor of any layout consists of, as plain values and dense tensors."""
    tensor = tensor.detach()
    shape = [str(tensor.dtype), *map(str, tensor.shape)] if not tensor.is_nested else []
    try:
        if tensor.is_nested:
            return [*tensor.unbind()]
        if hasattr(tensor, "__tensor_flatten__"):  # a subclass that wraps other tensors
            names, context = tensor.__tensor_flatten__()
            return [*shape, context, *(getattr(tensor, name) for name in names)]
        if tensor.is_quantized:
            return [*shape, tensor.int_repr(), *_quantization(tensor)]
        if tensor.is_meta:
            return shape
        if tensor.layout is torch.strided:
            return [*shape, dense_bytes(tensor)]
        if tensor.layout is torch._mkldnn:  # type: ignore[attr-defined]
            return [tensor.to_dense()]
        sparse = tensor.to_sparse().coalesce()
        return [*shape, sparse.indices(), sparse.values()]
    except (RuntimeError, NotImplementedError):
        return shape


def is_plain(value: object) -> bool:
    """Return whether a value is a tensor whose bytes are its content."""
    return (
        isinstance(value, Tensor)
        and type(value) in (Tensor, nn.Parameter)
        and value.layout is torch.strided
        and not (value.is_quantized or value.is_nested or value.is_meta)
    )


def dense_bytes(tensor: Tensor) -> memoryview:
    """Return the bytes of a dense tensor."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _quantization(tensor: Tensor) -> list[Any]:
    scheme = str(tensor.qscheme())
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return [scheme, tensor.q_scale(), tensor.q_zero_point()]
    axis = tensor.q_per_channel_axis()
    return [scheme, tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points(), axis]


class _Walk:
    """One walk through an object. Each object in it is described once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[object, bytes]] = {}
        self._open = set[int]()

    def digest(self, value: object) -> bytes:
        """Return the digest of a value."""
        if value is None or isinstance(value, bool | int | float | complex):
            return _hash(type(value).__name__, repr(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return _hash("bytes", value)
        if id(value) in self._done:
            return self._done[id(value)][1]
        if id(value) in self._open or len(self._open) > MAX_DEPTH:  # a cycle
            return _hash("again", _name(type(value)))
        self._open.add(id(value))
        try:
            digest = self._describe(value)
        except Exception:  # noqa: BLE001 - other people's classes refuse to be pickled in their own ways
            digest = _hash("opaque", _name(type(value)))
        self._open.remove(id(value))
        self._done[id(value)] = value, digest  # keeps it alive, so that its id stays its own
        return digest

    def _describe(self, value: Any) -> bytes:
        kind = type(value).__name__
        if isinstance(value, str | PurePath):
            text = str(value)
            is_path = not PATH_MARKS.isdisjoint(text)  # else a word of a vocabulary could be a folder's name
            content = content_digest(text) if is_path or isinstance(value, PurePath) else None
            return _hash("content", content) if content else _hash("text", text)
        if isinstance(value, torch.device | RemovableHandle):  # where it is, and a number of the process
            return _hash(kind)
        if isinstance(value, torch.dtype | ModuleType | BuiltinFunctionType):
            return _hash(kind, getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or str(value))
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, FunctionType | MethodType | partial | CodeType):
            return self._all(kind, _function_parts(value))
        if isinstance(value, Tensor):
            return self._all("tensor", tensor_parts(value))
        if isinstance(value, np.ndarray | np.generic):
            return self._array(np.asarray(value))
        if isinstance(value, set | frozenset):
            return _hash("set", *sorted(map(self.digest, value)))
        if type(value) in (list, tuple, deque):
            return self._all(kind, [item for item in value if not _is_remembered(item)])
        if type(value) in (dict, OrderedDict):
            return self._items({key: item for key, item in value.items() if not _is_remembered(item)})
        if isinstance(value, torch.jit.ScriptModule):
            return _hash("script", *_script_records(value))
        return self._module(value) if isinstance(value, nn.Module) else self._object(value)

    def _all(self, kind: str, values: Iterable[object]) -> bytes:
        return _hash(kind, *map(self.digest, values))

    def _items(self, items: Mapping[Any, Any]) -> bytes:
        return _hash("items", *sorted(self.digest(key) + self.digest(value) for key, value in items.items()))

    def _array(self, array: np.ndarray[Any, Any]) -> bytes:
        if array.dtype.hasobject:
            return self._all("array", [*array.shape, *array.ravel().tolist()])
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        return _hash("array", str(little.dtype), str(array.shape), little.tobytes())

    def _module(self, module: nn.Module) -> bytes:
        if "_orig_mod" in module._modules:  # compiled: the rest belongs to the compiler
            return self.digest(module._modules["_orig_mod"])
        state: dict[str, Any] = {}
        module._save_to_state_dict(state, "", True)
        state |= {name: module._buffers[name] for name in module._non_persistent_buffers_set}
        hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
        parts = [self.digest(type(module)), self._items(state), self._items(module._modules), self.digest(hooks)]
        if isinstance(module, torch.fx.GraphModule):
            parts.append(self.digest(module.code))
        elif not is_own(type(module).__module__):
            attributes = _attributes(module)
            parts.append(self.digest({name: attributes[name] for name in attributes.keys() - _BOOKKEEPING}))
        return _hash("module", *parts)

    def _object(self, value: object) -> bytes:
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            return _hash("named", _name(type(value)), reduced)
        build, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        return self._all("object", [type(value), build, arguments, state, list(items or ()), dict(pairs or ())])

    def _class(self, kind: type) -> bytes:
        """Return the digest of a class: its name, and of a user's class its file and what that does not tell."""
        parts = [_hash(_name(kind), code_of_class(kind))]
        for base in kind.__mro__:
            if is_users(base.__module__):
                whole = not code_of_class(base)  # a class of a notebook has no file
                counted = {name: _of_class(item, whole) for name, item in vars(base).items() if _counts(name, item)}
                parts.append(self.digest(counted))
        return _hash("class", *parts)


def _attributes(module: Any) -> dict[str, Any]:
    """Return the attributes of a module as it pickles them, those in slots included."""
    state = module.__getstate__()
    parts = state if isinstance(state, tuple) else (state,)
    return {name: value for part in parts for name, value in dict(part or {}).items()}


def _counts(name: str, item: object) -> bool:
    return isinstance(item, FunctionType) or (not name.startswith("__") and isinstance(item, _PLAIN))


def _of_class(item: object, whole: bool) -> object:
    return item if whole or not isinstance(item, FunctionType) else _variables(item)


def _variables(function: FunctionType) -> list[Any]:
    """Return what the code of a function does not tell: its defaults, and the variables that it encloses."""
    cells = [cell.cell_contents for cell in function.__closure__ or () if not _is_empty(cell)]
    return [function.__defaults__, function.__kwdefaults__, cells]


def _function_parts(value: Any) -> list[Any]:
    """Return what a function depends on, but no global variables."""
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_consts, value.co_names]
    if not is_users(value.__module__):
        return [value.__module__, value.__qualname__]
    return [value.__qualname__, value.__code__, *_variables(value)]


def _is_empty(cell: Any) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


def _is_remembered(value: object) -> bool:
    """Return whether an attribute holds nothing, or the outcome of a pass."""
    return value is None or (isinstance(value, Tensor) and value.is_inference())


def _script_records(module: torch.jit.ScriptModule) -> Iterable[bytes]:
    """Yield the names and contents of what a saved ScriptModule consists of."""
    with zipfile.ZipFile(io.BytesIO(module.save_to_buffer())) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(_VOLATILE_RECORDS):
                continue
            for part in (name.encode(), archive.read(name)):
                part = re.sub(rb"[./]?___torch_mangle_\d+", b"", part)  # counts the classes of a process
                constants = sorted(_CONSTANT.findall(part))  # their order depends on the hashes of their names
                yield b"".join([_CONSTANT.sub(b"", part), *constants])


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _hash(*parts: Any) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes | bytearray | memoryview) else str(part).encode("utf-8", "replace")
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.digest()
