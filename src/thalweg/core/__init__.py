"""What everything else speaks of: energies, latent energies, checks, generators, files."""

import thalweg.core.forks  # noqa: F401  children of a fork compute in one thread
from thalweg.core.arrays import as_array, columns_of
from thalweg.core.batches import as_batch
from thalweg.core.bounded import Bounded
from thalweg.core.check_energy import check_energy
from thalweg.core.checks import check_parameters, finite_array, real_array
from thalweg.core.constraints import (
    Array,
    CallableObject,
    Choice,
    Constraint,
    Device,
    Either,
    Nothing,
    OneOf,
    Switch,
)
from thalweg.core.convergence import count_unconverged, note_converged
from thalweg.core.counts import as_whole, whole_number
from thalweg.core.energy import Energy
from thalweg.core.errors import InputError, NotWrittenError
from thalweg.core.files import (
    check_file,
    check_folder,
    read_file,
    write_beside,
    write_folder_beside,
)
from thalweg.core.function import Function, as_energy, name_of, precision_of
from thalweg.core.gradients import EnergyFunction, gradient, value, value_and_gradient
from thalweg.core.hidden import (
    BEYOND_TOKEN,
    HIDDEN_TOKEN,
    seen_through,
    visible,
    visible_energy,
)
from thalweg.core.hidden_parts import Part
from thalweg.core.indicators import Indicators
from thalweg.core.latent_energy import LatentEnergy, LatentSpace, Quadratic, QuadraticApart
from thalweg.core.layout import Layout
from thalweg.core.memory import Building, available_memory, check_memory
from thalweg.core.number_constraints import Integer, Levels, Real, Seed, Sizes
from thalweg.core.parameters import (
    Declared,
    Learned,
    Parameter,
    changed,
    learned,
    parameter,
)
from thalweg.core.progress import progress
from thalweg.core.random import generator_from
from thalweg.core.rows_alike import rows_alike
from thalweg.core.tracing import all_known, is_exporting, out_of_graph, values_known
from thalweg.core.types import Batch, Candidates, Loss
from thalweg.core.views import Clamped, Given, as_rows, check_columns, check_rows

__all__ = [
    "BEYOND_TOKEN",
    "HIDDEN_TOKEN",
    "Array",
    "Batch",
    "Bounded",
    "Building",
    "CallableObject",
    "Candidates",
    "Choice",
    "Clamped",
    "Constraint",
    "Declared",
    "Device",
    "Either",
    "Energy",
    "EnergyFunction",
    "Function",
    "Given",
    "Indicators",
    "InputError",
    "Integer",
    "LatentEnergy",
    "LatentSpace",
    "Layout",
    "Learned",
    "Levels",
    "Loss",
    "NotWrittenError",
    "Nothing",
    "OneOf",
    "Parameter",
    "Part",
    "Quadratic",
    "QuadraticApart",
    "Real",
    "Seed",
    "Sizes",
    "Switch",
    "all_known",
    "as_array",
    "as_batch",
    "as_energy",
    "as_rows",
    "as_whole",
    "available_memory",
    "changed",
    "check_columns",
    "check_energy",
    "check_file",
    "check_folder",
    "check_memory",
    "check_parameters",
    "check_rows",
    "columns_of",
    "count_unconverged",
    "finite_array",
    "generator_from",
    "gradient",
    "is_exporting",
    "learned",
    "name_of",
    "note_converged",
    "out_of_graph",
    "parameter",
    "precision_of",
    "progress",
    "read_file",
    "real_array",
    "rows_alike",
    "seen_through",
    "value",
    "value_and_gradient",
    "values_known",
    "visible",
    "visible_energy",
    "whole_number",
    "write_beside",
    "write_folder_beside",
]
