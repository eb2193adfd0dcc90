"""What Keras calls its own parts, and which of its names do more than compute.

The names are the public classes and functions of Keras 3.15 and of Keras 2 as TensorFlow 2.15 carried it. A
configuration may name them and needs no permission; every other name is asked for. The table is exact on purpose:
names in the `keras` namespace have been used to fetch files and to switch off its safe mode (CVE-2025-8747,
CVE-2025-9906, CVE-2025-49655, CVE-2026-1462).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _words(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention AugMix
    AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
    BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    ContrastLimitedAdaptiveHistogramEqualization
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D
    Convolution1DTranspose Convolution2D Convolution2DTranspose Convolution3D Convolution3DTranspose Cropping1D
    Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense
    Embedding Equalization Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D
    GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention HashedCrossing Hashing Identity InputLayer InputSpec IntegerLookup LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D
    MaxPooling3D Maximum MelSpectrogram Minimum MixUp MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
    RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
    RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding STFTSpectrogram SeparableConv1D
    SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax Solarization
    SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract
    TextVectorization TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
    ConvLSTM2DCell CuDNNGRU CuDNNLSTM DenseFeatures Highway LocallyConnected1D LocallyConnected2D MaxoutDense Merge
    RandomHeight RandomWidth SequenceFeatures SyncBatchNormalization ThresholdedReLU BatchNormalizationV1
    BatchNormalizationV2 LayerNormalizationV1 ExperimentalPreprocessingLayer SlicingOpLambda
    """
)
"""Layers of Keras 3, then those that only Keras 2 had."""

OTHERS = _words(
    """
    Model Sequential Functional
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal VarianceScaling
    Zeros
    L1 L1L2 L2 OrthogonalRegularizer
    MaxNorm MinMaxNorm NonNeg UnitNorm RadialConstraint
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh
    MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky
    AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation F1Score FBetaScore FalseNegatives
    FalsePositives IoU LogCoshError Mean MeanIoU MeanMetricWrapper MeanRelativeError OneHotIoU OneHotMeanIoU
    PearsonCorrelation Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError
    SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity Sum
    TopKCategoricalAccuracy TrueNegatives TruePositives MetricsList CompileMetrics
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD
    ScheduleFreeAdamW LossScaleOptimizerV3
    CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
    AWQDTypePolicy DTypePolicy DTypePolicyMap FloatDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy Policy PolicyV1
    AWQConfig AbsMaxQuantizer Float8QuantizationConfig GPTQConfig Int4QuantizationConfig Int8QuantizationConfig
    SeedGenerator FeatureSpace Cross Feature
    """
)
"""Models, initializers, regularizers, constraints, losses, metrics, optimizers, schedules, policies."""

OPERATIONS = _words(
    """
    Abs Absolute AdaptiveAveragePool AdaptiveMaxPool AffineTransform All AllClose Amax Amin Angle Any Append Arange
    Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit AveragePool
    BatchNorm Bincount BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor
    BroadcastTo CDist CTCDecode CTCLoss Cast Cbrt Ceil Celu Cholesky CholeskyInverse Clip Conj Conjugate Conv
    ConvTranspose ConvertToTensor Copy Corrcoef Correlate Cos Cosh CountNonzero CropImages Cumprod Cumsum Deg2rad
    DepthToSpace DepthwiseConv Det Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan DotProductAttention Dsplit
    Dstack Eig Eigh Einsum ElasticTransform Elu EmptyLike Equal Erf Erfc Erfinv Exp Exp2 ExpandDims Expm1 ExtractPatches
    ExtractSequences FFT FFT2 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod Fold Full FullLike GaussianBlur
    Gcd Gelu Geomspace GetItem Glu Greater GreaterEqual HSVToRGB HardShrink HardSigmoid HardSilu HardTanh Heaviside
    Histogram Hsplit Hstack Hypot I0 IFFT2 IRFFT ISTFT Imag InTopK Inner Inv IsIn Isclose Isfinite Isinf Isnan Isneginf
    Isposinf Isreal Kron LayerNorm Lcm Ldexp LeakyRelu LeftShift Less LessEqual Linspace Log Log10 Log1p Log2 LogSigmoid
    LogSoftmax Logaddexp Logaddexp2 Logdet LogicalAnd LogicalNot LogicalOr LogicalXor Logspace Logsumexp Lstsq LuFactor
    MapCoordinates Matmul MatrixRank Max MaxPool Median Meshgrid Min Mod Moments Moveaxis MultiHot NanToNum Nanargmax
    Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod Nanquantile Nanstd Nansum
    Nanvar Ndim Negative Nextafter Nonzero Norm Normalize NotEqual OneHot OnesLike Outer PSNR Pad PadImages Percentile
    PerspectiveTransform Pinv Polar Power Prod Ptp Qr Quantile RFFT RGBToGrayscale RGBToHSV RMSNorm Rad2deg Ravel Real
    Rearrange Reciprocal Relu Relu6 Repeat Resize RightShift Roll Rot90 Round Rsqrt SSIM SVD SaturateCast
    ScaleAndTranslate Scatter ScatterUpdate SearchSorted SegmentMax SegmentMin SegmentProd SegmentReduction SegmentSum
    Select Selu SeparableConv Sigmoid Sign Signbit Silu Sin Sinc Sinh Size Slice SliceUpdate Slogdet SobelEdges
    SoftShrink Softplus Softsign Solve SolveTriangular Sort SpaceToDepth SparsePlus SparseSigmoid Sparsemax Split Sqrt
    Square Squareplus Squeeze Stack Std StopGradient Swapaxes Take TakeAlongAxis Tan Tanh TanhShrink Tensordot Threshold
    Tile TopK Trace Transpose Trapezoid Tril Triu TrueDivide Trunc Unfold Unique UnravelIndex Unstack Vander Var Vdot
    View ViewAsComplex ViewAsReal Vsplit Vstack Where ZerosLike
    """
)
"""Operations that stand as nodes in a functional model. Those that take functions (map, scan, cond …) are left out."""

FUNCTIONS = _words(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid
    sparsemax squareplus swish tanh tanh_shrink threshold
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
    categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc dice hinge huber kl_divergence
    log_cosh mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
    poisson sparse_categorical_crossentropy squared_hinge tversky
    binary_accuracy categorical_accuracy concordance_correlation pearson_correlation sparse_categorical_accuracy
    sparse_top_k_categorical_accuracy top_k_categorical_accuracy
    mae MAE mse MSE mape MAPE msle MSLE bce BCE kld KLD logcosh cosine_proximity accuracy acc
    """
)
"""Activations, losses and metrics that a configuration may name as functions."""

CLASSES = LAYERS | OTHERS | OPERATIONS

PLAIN_FORMS = _words(
    """
    __keras_tensor__ __tensor__ __numpy__ __bytes__ __ellipsis__ __slice__ __tuple__ TensorShape TypeSpec
    CompositeTensor
    """
)
"""What stands in the place of a class name for plain values."""

TYPE_SPECS = frozenset({"TensorSpec", "SparseTensorSpec", "RaggedTensorSpec", "BoundedTensorSpec", "IndexedSlicesSpec"})

REACHING: dict[str, tuple[str, str, str]] = {
    "lambda": ("remote-code", "code-execution", "Python bytecode in the file, which Keras runs (CVE-2024-3660)"),
    "__lambda__": ("remote-code", "code-execution", "Python bytecode in the file, which Keras runs (CVE-2024-3660)"),
    "torchmodulewrapper": ("remote-code", "code-execution", "a pickle in the configuration (CVE-2025-49655)"),
    "jaxlayer": ("remote-code", "code-execution", "a Python function in the configuration"),
    "flaxlayer": ("remote-code", "code-execution", "a Python function in the configuration"),
    "tfsmlayer": ("other-models", "code-execution", "loads a SavedModel from a path (CVE-2026-1462)"),
    "get_file": ("network", "file-write", "downloads a file to a place of the model's choice (CVE-2025-8747)"),
    "enable_unsafe_deserialization": ("remote-code", "code-execution", "switches safe mode off (CVE-2025-9906)"),
    "func_load": ("remote-code", "code-execution", "makes a function of marshalled bytecode"),
    "load_model": ("other-models", "code-execution", "loads another model from a path"),
    "load_weights": ("other-models", "file-read", "loads numbers from a path"),
    "load_data": ("network", "file-write", "downloads a data set"),
    "load_img": ("external-files", "file-read", "reads an image from a path"),
    "save_img": ("external-files", "file-write", "writes a file to a path"),
    "save_model": ("external-files", "file-write", "writes a file to a path"),
    "model_from_json": ("configuration", "code-execution", "builds a model from another configuration"),
    "deserialize_keras_object": ("configuration", "code-execution", "builds an object from another configuration"),
    "custom_object_scope": ("configuration", "code-execution", "changes which classes names stand for"),
    "register_keras_serializable": ("configuration", "code-execution", "changes which classes names stand for"),
    "tfoplambda": ("ops", "", "calls a TensorFlow function by name"),
    "tensorflowoplayer": ("ops", "", "runs a TensorFlow operator by its definition"),
    "classmethod": ("ops", "", "calls a method of a TensorFlow class by name"),
    "instancemethod": ("ops", "", "calls a method of a TensorFlow object by name"),
    "instanceproperty": ("ops", "", "reads an attribute of a TensorFlow object by name"),
}
"""Names, in lower case, that reach beyond numbers: permission, class of danger, and what they do."""

LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization", "HashedCrossing", "Hashing"})
"""Layers whose `vocabulary` may be a path or an address, which Keras then reads (CVE-2025-12058)."""

PATH_KEYS = frozenset({"vocabulary", "idf_weights", "vocabulary_path", "filepath", "file_path", "merges", "proto"})
"""Keys under which such a path stands."""

SAFE_TENSORFLOW = (
    "math.", "nn.", "linalg.", "signal.", "bitwise.", "sets.", "ragged.", "sparse.", "strings.", "random.",
    "__operators__.", "image.resize", "image.crop", "image.flip", "image.rgb", "image.rot90", "image.adjust",
    "compat.v1.nn.", "compat.v1.math.", "keras.activations.", "experimental.numpy.",
)  # fmt: skip
"""Beginnings of TensorFlow functions that only compute, as TFOpLambda names them."""

SAFE_TENSORFLOW_NAMES = _words(
    """
    abs add argmax argmin argsort boolean_mask broadcast_to cast clip_by_norm clip_by_value concat constant
    convert_to_tensor cos cumsum debugging.check_numerics divide einsum equal exp expand_dims fill floor gather
    gather_nd greater greater_equal identity less less_equal logical_and logical_not logical_or matmul maximum
    meshgrid minimum multiply negative norm not_equal one_hot ones ones_like pad pow range rank realdiv reduce_all
    reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat reshape reverse round roll
    scatter_nd searchsorted sequence_mask shape sigmoid sign sin size slice softmax sort space_to_batch split sqrt
    square squeeze stack stop_gradient strided_slice subtract tanh tensordot tile transpose truediv unique unstack
    where zeros zeros_like
    """
)
