"""Errors of training, predicting and reporting; all are `featex.errors.FeatexError`."""

from featex.errors import FeatexError


class DataError(FeatexError, ValueError):
    """Rows that a model cannot be trained or judged on."""


class ModelError(FeatexError, ValueError):
    """A model or its settings that cannot be used, or that do not fit what they are given."""


class SettingError(ModelError):
    """A choice that the caller made and that a model or a search cannot take."""

    exit_code = 2
