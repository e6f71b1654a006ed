"""Which operations the graph of a network may hold: those that compute an answer from pixels, and no others.

A graph is a program. TensorFlow has operations that write files, call Python, load libraries or send data over the
network, and runs whichever of them the output depends on. So a graph is read through before TensorFlow is given it,
the functions in its library included.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiler.errors import ModelError

# Pure operations of tensorflow/core/ops, by topic and the file that defines them. Among them is what a frozen matting
# network keeps of its training or of a converter: batch normalisation, recurrent cells, loops, emulated integers.
OPERATIONS = {
    "constants, shapes and layout: array_ops.cc, data_flow_ops.cc, manip_ops.cc": """
        BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastTo CheckNumerics CheckNumericsV2 Concat
        ConcatOffset ConcatV2 ConjugateTranspose Const DepthToSpace Diag DiagPart DynamicPartition DynamicStitch
        Empty EnsureShape ExpandDims ExtractImagePatches ExtractVolumePatches FakeParam Fill Gather GatherNd
        GatherV2 GuaranteeConst Identity IdentityN InvertPermutation ListDiff MatrixBandPart MatrixDiag
        MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2
        MatrixSetDiagV3 MirrorPad OneHot OnesLike Pack Pad PadV2 ParallelConcat ParallelDynamicStitch
        Placeholder PlaceholderV2 PlaceholderWithDefault PreventGradient Rank Reshape Reverse ReverseSequence
        ReverseV2 Roll ScatterNd ScatterNdNonAliasingAdd Shape ShapeN Size Slice Snapshot SpaceToBatch
        SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd
        TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate TensorStridedSliceUpdate Tile
        Transpose Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack UnravelIndex Where ZerosLike
    """,
    "arithmetic: math_ops.cc, bitwise_ops.cc, linalg_ops.cc": """
        Abs AccumulateNV2 Acos Acosh Add AddN AddV2 All Angle Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan
        Atan2 Atanh BatchMatMul BatchMatMulV2 BatchMatMulV3 Betainc Bincount BitwiseAnd BitwiseOr BitwiseXor
        Bucketize Cast Ceil Cholesky ClipByValue Complex ComplexAbs Conj Cos Cosh Cross Cumprod Cumsum
        CumulativeLogsumexp DenseBincount Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv EuclideanNorm Exp
        Expm1 Floor FloorDiv FloorMod Greater GreaterEqual HistogramFixedWidth Igamma Igammac Imag Inv Invert
        IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr
        LowerBound MatMul MatrixDeterminant MatrixInverse MatrixSolve MatrixSolveLs MatrixTriangularSolve Max
        Maximum Mean Min Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual Pow Prod Qr Range Real RealDiv
        Reciprocal RightShift Rint Round Rsqrt SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Select
        SelectV2 SelfAdjointEigV2 Sigmoid Sign Sin Sinh Sqrt Square SquaredDifference Sub Sum Svd Tan Tanh
        TruncateDiv TruncateMod UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
        UpperBound Xdivy Xlog1py Xlogy
    """,
    "layers: nn_ops.cc, rnn_ops.cc": """
        AvgPool AvgPool3D BatchNormWithGlobalNormalization BiasAdd BiasAddV1 BlockLSTM BlockLSTMV2 Conv Conv2D
        Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D Conv3DBackpropInputV2 DataFormatDimMap
        DataFormatVecPermute DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput Dilation2D Elu
        FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D FusedResizeAndPadConv2D GRUBlockCell
        InTopK InTopKV2 L2Loss LRN LSTMBlockCell LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2
        MaxPoolWithArgmax NthElement Relu Relu6 Selu Softmax Softplus Softsign TopK TopKV2 _FusedBatchNormEx
        _FusedConv2D _FusedMatMul
    """,
    "pictures: image_ops.cc": """
        AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize
        ExtractGlimpse ExtractGlimpseV2 HSVToRGB ImageProjectiveTransformV2 ImageProjectiveTransformV3
        NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
        RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
    """,
    "numbers of fewer bits: array_ops.cc, nn_ops.cc, math_ops.cc": """
        Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
        QuantizeAndDequantize QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4
        QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd QuantizedAvgPool
        QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd QuantizedConcat QuantizedConv2D
        QuantizedMatMul QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6 QuantizedReshape
        QuantizedResizeBilinear RequantizationRange Requantize
    """,
    "fourier transforms and spectra: spectral_ops.cc": """
        FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D RFFT RFFT2D RFFT3D
    """,
    "control flow and calls, whose functions are read through as well: control_flow_ops.cc, functional_ops.cc": """
        Assert Case ControlTrigger Enter Exit If LoopCond MapDefun Merge NextIteration NoOp PartitionedCall
        StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch While
    """,
    "lists that live as long as one answer: list_ops.cc, data_flow_ops.cc": """
        EmptyTensorList TensorArrayCloseV3 TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
        TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3
        TensorListConcat TensorListConcatLists TensorListConcatV2 TensorListElementShape TensorListFromTensor
        TensorListGather TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack
        TensorListPushBackBatch TensorListReserve TensorListResize TensorListScatter
        TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit TensorListStack
    """,
    "random numbers that follow from a seed in the graph: stateless_random_ops.cc": """
        StatelessRandomNormal StatelessRandomUniform StatelessTruncatedNormal
    """,
}
ALLOWED = frozenset(name for names in OPERATIONS.values() for name in names.split())

# What an operation could do that is not allowed, by a part of its name; the first that fits.
COULD = (
    (("PyFunc", "XlaHostCompute"), "call Python code"),
    (("Variable", "VarHandle", "VarIsInitialized", "Assign"), "hold weights that a frozen graph has as constants"),
    (("Save", "Restore", "Checkpoint", "LoadAndRemap", "ImmutableConst"), "read or write files"),
    (("File", "Reader", "LMDB", "RecordInput", "Summary", "Print", "Debug", "Dump"), "read or write files"),
    (("Dataset", "Iterator"), "read files, or start threads of its own"),
    (("Table", "Lookup", "Vocab"), "read files"),
    (("Rpc", "Send", "Recv", "RemoteCall", "Collective", "Nccl", "TPU"), "exchange data with other machines"),
    (("Xla", "CustomCall", "Trt", "TRTEngine"), "run code that is compiled elsewhere"),
    (("Random", "Multinomial", "Normal", "Uniform", "Rng", "Shuffle"), "answer differently every time"),
    (("Queue", "Stage", "Unstage", "Barrier", "Mutex", "Stack", "Accumulator", "Abort", "Sleep"), "stop the process"),
)
UNKNOWN = "do more than compute an answer from pixels"


def check_operations(graph: Any, path: Path) -> None:
    """Raise ModelError, naming it, if `graph`, a GraphDef from the file `path`, holds an operation not allowed.

    A function of the graph's library may be called under a name of its own, and under no name that TensorFlow has
    given to an operation.
    """
    from tensorflow.python.framework import op_def_registry

    functions = {function.signature.name for function in graph.library.function}
    for name in sorted(functions):
        if op_def_registry.get(name) is not None:
            raise _refused(path, name, "", f"the graph's own function {name}")
    known = ALLOWED | functions
    for where, node in _nodes(graph):
        if node.op not in known:
            raise _refused(path, node.op, node.name, where)
        for called in _called(node):
            if called not in functions:
                raise _refused(path, called, node.name, where)
    for pair in graph.library.gradient:
        if not {pair.function_name, pair.gradient_func} <= functions:
            raise _refused(path, pair.gradient_func, pair.function_name, "the gradients of its library")


def _nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    yield from (("", node) for node in graph.node)
    for function in graph.library.function:
        yield from ((f"the function {function.signature.name}", node) for node in function.node_def)


def _called(node: Any) -> Iterator[str]:
    """Yield the functions that the attributes of a node name."""
    for value in node.attr.values():
        yield from _functions_in(value)


def _functions_in(value: Any) -> Iterator[str]:
    kind = value.WhichOneof("value")
    names = [value.func] if kind == "func" else list(value.list.func) if kind == "list" else []
    for one in names:
        if one.name:
            yield one.name
        for inner in one.attr.values():
            yield from _functions_in(inner)


def _refused(path: Path, op: str, node: str, where: str) -> ModelError:
    could = next((does for parts, does in COULD if any(part in op for part in parts)), UNKNOWN)
    place = ", ".join(part for part in (f"node {node}" if node else "", where) if part)
    return ModelError(
        f"{path}: this graph holds the operation {op} ({place}), which could {could}; it is not run.",
        "A matting network needs no such operation: take the graph from its author, or freeze it for inference again. "
        "If yours does need it, please report the name of the operation.",
    )
