"""Each heading of the grant tables has a name that the tests know: none goes, or changes its rule, unseen."""

from __future__ import annotations

import pytest

from modelguard.picklevm.knowledge.grants_table import grants, table
from modelguard.picklevm.knowledge.profiles import PROFILES

# Profile, rule with the rule for the state, and the first global of each heading.
HEADINGS = """
core any builtins list
core constant-arguments builtins int
core named-or-text builtins str
core name builtins NoneType
core bytes builtins bytes
core range builtins range
core counter collections Counter
core factory collections defaultdict
core latin1 _codecs encode
core reconstruct copyreg _reconstructor
core newobj copyreg __newobj__
core constant-arguments datetime datetime
core constant-arguments decimal Decimal
core new uuid UUID
core constant-arguments uuid SafeUUID
core constant-arguments pathlib Path
core bare,attributes argparse Namespace
core constant-arguments io BytesIO
core pattern re _compile
core constant-arguments,attributes builtins ArithmeticError
torch-weights name torch FloatStorage
torch-weights name torch float16
torch-weights name torch contiguous_format
torch-weights constant-arguments torch Size
torch-weights torch-layout torch.serialization _get_layout
torch-weights name torch Tensor
torch-weights torch-tensor torch._utils _rebuild_tensor
torch-weights torch-tensor-v3 torch._utils _rebuild_tensor_v3
torch-weights torch-quantized torch._utils _rebuild_qtensor
torch-weights torch-parameter torch._utils _rebuild_parameter
torch-weights torch-sparse torch._utils _rebuild_sparse_tensor
torch-weights torch-meta torch._utils _rebuild_meta_tensor_no_storage
torch-weights constant-arguments torch.torch_version TorchVersion
numpy name numpy matrix
numpy name numpy.ma MaskedArray
numpy numpy-subclass numpy memmap
numpy numpy-dtype,numpy-dtype numpy dtype
numpy numpy-array numpy._core.multiarray _reconstruct
numpy numpy-scalar numpy._core.multiarray scalar
numpy numpy-buffer numpy._core.numeric _frombuffer
numpy numpy-masked numpy.ma.core _mareconstruct
numpy name numpy bool
numpy numpy-random numpy.random._pickle __bit_generator_ctor
numpy new numpy.random._mt19937 MT19937
numpy granted-first numpy.random.bit_generator __pyx_unpickle_SeedSequence
numpy name numpy abs
numpy numpy-ufunc numpy.core _ufunc_reconstruct
numpy name numpy ufunc
joblib new,joblib-array joblib.numpy_pickle NumpyArrayWrapper
scipy name scipy._lib.array_api_compat.numpy._aliases asarray
scipy name scipy.interpolate._interpolate interp1d._call_linear
scipy new,interpolation scipy.interpolate._interpolate interp1d
scipy new scipy.interpolate.interpolate PPoly
scipy new,fields scipy.interpolate._bsplines BSpline
pandas constant-arguments pytz _UTC
pandas new,fields pandas ArrowDtype
pandas name pandas Categorical
pandas parts pandas Interval
pandas granted-first pandas._libs.arrays __pyx_unpickle_NDArrayBacked
pandas granted-first pandas.core.indexes.base _new_Index
sklearn parts _loss CyAbsoluteError
sklearn granted-first _loss __pyx_unpickle_CyHalfMultinomialLoss
sklearn new,fields sklearn._loss.glm_distribution GammaDistribution
sklearn name _loss CyHalfMultinomialLoss
sklearn granted-first sklearn.metrics._dist_metrics newObj
xgboost new,fields xgboost.core Booster
lightgbm new,fields lightgbm.basic Booster
torch-modules name torch alpha_dropout
torch-modules new,hookless torch.nn.modules._functions CrossMapLRN2d
torch-modules new,hookless torch.optim._adafactor Adafactor
torch-modules new,hookless torchvision.transforms.transforms CenterCrop
torchscript any torch.jit._pickle build_intlist
arrow new,fields pandas.arrays ArrowExtensionArray
arrow constant-arguments pyarrow.lib type_for_alias
arrow parts pyarrow.lib _restore_array
catboost new,fields catboost.core CatBoost
hf-trainer new,fields accelerate.state PartialState
hf-trainer constant-arguments accelerate.utils.dataclasses DistributedType
ultralytics new,hookless ultralytics.nn.modules Bottleneck
ultralytics bare,attributes ultralytics.utils IterableSimpleNamespace
flair new,hookless flair.data Dictionary
flair new,hookless flair.data MultiCorpus
flair new,hookless flair.embeddings.base DocumentEmbeddings
flair new,hookless flair.optim ExpAnnealLR
lightning name typing Any
lightning new,fields omegaconf.base Box
lightning name lightning.pytorch.callbacks.batch_size_finder BatchSizeFinder
lightning bare lightning.fabric.utilities.data AttributeDict
lightning constant-arguments pyannote.audio.core.task Problem
"""
ROWS = [tuple(line.split(" ", 3)) for line in HEADINGS.split("\n") if line]


@pytest.mark.parametrize(("profile", "rules", "module", "name"), ROWS, ids=[" ".join(row[2:]) for row in ROWS])
def test_the_first_name_of_a_heading_is_granted_with_its_rules(
    profile: str, rules: str, module: str, name: str
) -> None:
    found = {(grant.profile, f"{grant.rule},{grant.state}".strip(",")) for grant in grants(module, name)}
    assert (profile, rules) in found


def test_every_heading_has_its_name() -> None:
    headings = {
        (name, grant.rule, grant.state, grant.reason)
        for name, profile in PROFILES.items()
        if profile.packages
        for grant in table(name).values()
    }
    assert len(headings) == len(ROWS)
