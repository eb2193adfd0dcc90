"""What layers of Caffe reach beyond numbers: those that call Python, and those that name files.

Source: src/caffe/proto/caffe.proto of https://github.com/BVLC/caffe
"""

from __future__ import annotations

from collections.abc import Iterator

from modelguard.formats._references import reference
from modelguard.formats.format import Walk
from modelguard.terms.artifact import Location, printable
from modelguard.terms.facts import Asks, Fact

# Message of parameters -> its field that names a file, and what for.
FILES: dict[str, tuple[str, str]] = {
    "data_param": ("source", "the database of a Data layer"),
    "image_data_param": ("source", "the list of images of an ImageData layer"),
    "window_data_param": ("source", "the list of windows of a WindowData layer"),
    "hdf5_data_param": ("source", "the list of files of a HDF5Data layer"),
    "hdf5_output_param": ("file_name", "the file that a HDF5Output layer writes"),
    "infogain_loss_param": ("source", "the matrix of an InfogainLoss layer"),
    "transform_param": ("mean_file", "the mean of a data layer"),
}
_WRITES = frozenset({"hdf5_output_param"})


def python_layer(module: str, layer: str, at: Location) -> Asks:
    """Return what a layer of type Python asks for."""
    name = printable(f"{module}.{layer}"[:200])
    detail = "Caffe imports the Python module and makes the layer from its class"
    return Asks(location=at, permission="custom-ops", name=name, detail=detail, hazard="code-execution")


def file_named(parameters: str, path: str, at: Location, walk: Walk) -> Iterator[Fact]:
    """Yield what a layer's file asks for."""
    what = FILES[parameters][1]
    if parameters in _WRITES:
        detail = f"{what} when the network runs"
        yield Asks(location=at, permission="external-files", name=path, detail=detail, hazard="file-write")
    else:
        yield from reference(path, at, walk, what=what)
