"""Free an ONNX model from the input size that it was exported with, and open it in onnxruntime.

Both face models were exported with one fixed input size, although their layers take any. The size stands only in the
descriptions of the graph's inputs, outputs and intermediate values, so those are rewritten, in the protobuf's bytes;
nodes and weights stay as they are. The field numbers are those of onnx.proto (https://onnx.ai/onnx/intro/concepts.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnxruntime

from photogate.errors import ModelRefused

__all__ = ["open_session", "with_free_shapes"]

# Wire types of a protobuf field.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

# onnx.proto: ModelProto.graph; GraphProto.initializer, .input, .output, .value_info; TensorProto.name;
# ValueInfoProto.name, .type; TypeProto.tensor_type; TypeProto.Tensor.elem_type, .shape; TensorShapeProto.dim;
# TensorShapeProto.Dimension.dim_param
MODEL_GRAPH = 7
GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT, GRAPH_VALUE_INFO = 5, 11, 12, 13
TENSOR_NAME = 8
VALUE_NAME, VALUE_TYPE = 1, 2
TYPE_TENSOR, TENSOR_ELEM_TYPE, TENSOR_SHAPE, SHAPE_DIM, DIM_PARAM = 1, 1, 2, 1, 2
FLOAT = 1


def open_session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Open a model on the CPU.

    Parameters
    ----------
    model
        An ONNX file whose checksum has been checked.
    threads
        Threads within one operator; operators run one after the other.

    Raises
    ------
    ModelRefused
        If onnxruntime cannot use it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Detectors keep their inputs below a fixed size, so onnxruntime's memory arena stays small.
    # A thread that spins while it waits takes time from the rest of the function.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelRefused(
            f"Expected a model that onnxruntime can open; found one that gives {type(error).__name__}"
        ) from None


def with_free_shapes(model: bytes) -> bytes:
    """Rewrite a model so that it takes any batch size, height and width.

    Weights that are also listed as inputs are taken off that list, so that onnxruntime may fold them.
    """
    view = memoryview(model)
    out = bytearray()
    for number, wire, value in _fields(view):
        out += _field(number, wire, _free_graph(value) if number == MODEL_GRAPH else value)
    return bytes(out)


def _free_graph(graph: Any) -> bytes:
    weights = {_text(value, TENSOR_NAME) for number, _, value in _fields(graph) if number == GRAPH_INITIALIZER}
    out = bytearray()
    for number, wire, value in _fields(graph):
        if number == GRAPH_VALUE_INFO or (number == GRAPH_INPUT and _text(value, VALUE_NAME) in weights):
            continue
        if number == GRAPH_INPUT:
            value = _value_info(_text(value, VALUE_NAME), rank=4)
        elif number == GRAPH_OUTPUT:
            value = _value_info(_text(value, VALUE_NAME), rank=None)
        out += _field(number, wire, value)
    return bytes(out)


def _value_info(name: bytes, *, rank: int | None) -> bytes:
    tensor = _field(TENSOR_ELEM_TYPE, VARINT, FLOAT)
    if rank is not None:
        dims = b"".join(_field(SHAPE_DIM, BYTES, _field(DIM_PARAM, BYTES, b"d%d" % i)) for i in range(rank))
        tensor += _field(TENSOR_SHAPE, BYTES, dims)
    return _field(VALUE_NAME, BYTES, name) + _field(VALUE_TYPE, BYTES, _field(TYPE_TENSOR, BYTES, tensor))


def _text(message: Any, number: int) -> bytes:
    return next((bytes(value) for n, _, value in _fields(message) if n == number), b"")


def _fields(message: Any) -> Iterator[tuple[int, int, Any]]:
    """Walk a message: (field number, wire type, value), a varint's value as int, the others' as bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, wire, value
            continue
        if wire == BYTES:
            size, at = _varint(message, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise ModelRefused(f"Expected a protobuf wire type of 0, 1, 2 or 5; found {wire}")
        yield tag >> 3, wire, message[at : at + size]
        at += size


def _varint(message: Any, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise ModelRefused("Expected a whole protobuf message; found one that is cut off")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def _field(number: int, wire: int, value: Any) -> bytes:
    tag = _encode_varint(number << 3 | wire)
    if wire == VARINT:
        return tag + _encode_varint(value)
    if wire == BYTES:
        return tag + _encode_varint(len(value)) + bytes(value)
    return tag + bytes(value)


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
