"""The file of a model of confidence: JSON that people can read, with what it was learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from pilotage.common.files import read_ordinary, replace
from pilotage.common.json_text import NotJson, read_json
from pilotage.common.paths import expanded
from pilotage.common.text import json_page
from pilotage.navigator.confidence.calibrators import calibrator_of
from pilotage.navigator.confidence.model import ConfidenceModel
from pilotage.navigator.errors import ConfidenceError, SpecMismatch
from pilotage.navigator.policies.inputs import LARGEST_INPUT, Scaling
from pilotage.navigator.spaces import Feature, ObservationSpec, first_fault

FORMAT = "pilotage-confidence"
VERSION = 1
SHIPPED = Path(__file__).with_name("pretrained") / "default.json"
"""Fitted to the open families of `examples/banks/mixed2` by `pilotage bank confidence`."""

_KEYS = ("format", "version", "features", "features_hash", "scaling", "coefficients", "ridge", "calibration", "card")
_FEATURES = TypeAdapter(list[Feature])


def write_model(path: str | Path, model: ConfidenceModel) -> None:
    """Writes a model at one stroke, the same bytes for the same model.

    Raises:
        ConfidenceError: it cannot be written there; what was there before is there still.
    """
    data = {
        "format": FORMAT,
        "version": VERSION,
        "features": model.observations.to_json(),
        "features_hash": model.observations.schema_hash,
        "scaling": {name: [float(str(x)) for x in array] for name, array in vars(model.scaling).items()},
        "coefficients": model.coefficients.tolist(),
        "ridge": model.ridge,
        "calibration": model.calibrator.to_json(),
        "card": dict(model.card),
    }
    try:
        replace(expanded(path), f"{json_page(data)}\n".encode())
    except OSError as error:
        raise ConfidenceError(f"a model cannot be written to {path}: {error.strerror}; name another file") from error


def read_model(path: str | Path) -> ConfidenceModel:
    """The model in a file.

    Raises:
        ConfidenceError: there is none, it is damaged, or of another version.
    """
    path = expanded(path)
    try:
        content = read_ordinary(path)
    except OSError as error:
        raise ConfidenceError(
            f"the model of confidence {path} cannot be read ({(error.strerror or str(error)).lower()}): make one with "
            "`pilotage bank confidence BANK --out FILE`"
        ) from error
    try:
        data = read_json(content, strict=True)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ConfidenceError(
                f"{path} is no model of confidence: give a file that `pilotage bank confidence` wrote"
            )
        if data.get("version") != VERSION or isinstance(data["version"], bool):
            raise ConfidenceError(
                f"{path} has version {data.get('version')!r}, this version reads {VERSION}: make the model anew with "
                "`pilotage bank confidence`"
            )
        return _model(data)
    except ConfidenceError:
        raise
    except (NotJson, KeyError, TypeError, ValueError, SpecMismatch) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        why = first_fault(error) if isinstance(error, ValidationError) else why
        raise ConfidenceError(f"{path} is damaged ({why}): copy it or make it anew") from error


def _model(data: dict[str, Any]) -> ConfidenceModel:
    """Raises KeyError, TypeError, ValueError or SpecMismatch where something is wrong with it."""
    if unknown := [key for key in data if key not in _KEYS]:
        raise ValueError(f"it has the unknown key {unknown[0]!r:.80}")
    observations = ObservationSpec(tuple(_FEATURES.validate_python(data["features"])))
    if data["features_hash"] != observations.schema_hash:
        raise ValueError("its features were edited: their hash does not fit")
    arrays = {f"input.{name}": np.array(values, dtype=np.float32) for name, values in data["scaling"].items()}
    scaling = Scaling.from_tensors(arrays)
    coefficients = np.array(data["coefficients"], dtype=np.float64)
    fits = coefficients.shape == (len(observations) + 1,) and bool((np.abs(coefficients) < LARGEST_INPUT).all())
    if not fits or not scaling.fits(len(observations)):
        raise ValueError("its coefficients or its scaling do not fit its features")
    card = data["card"]
    if not isinstance(card, dict):
        raise TypeError("its card is no object")
    return ConfidenceModel(
        observations, scaling, coefficients, calibrator_of(data["calibration"]), float(data["ridge"]), card
    )
