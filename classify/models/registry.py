"""The models that can be trained: MODELS holds a row for each, with its search space and its input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from classify.models import svm
from classify.models.scaling import BlockScaler
from classify.nets.recipe import NetRecipe
from featex.errors import unknown
from featex.system.progress import Progress

if TYPE_CHECKING:
    from optuna import Trial

N_TREES = 300  # of a forest


def unchanged(train, validation, settings=None):
    """Return both sides of a fold as they are."""
    return train, validation


@dataclass(frozen=True)
class ModelSpec:
    """A kind of model that `classify.tuning.tune.tune` can tune.

    Parameters
    ----------
    name : str
    about : str
        One line that `classify models` shows.
    reads : {"features", "pixels", "files"}
        Rows of `Features.X`, uint8 images (n_samples, 3, size, size), or `classify.models.file_facts.fact_matrix`.
    build : callable
        ``build(**params, **settings)`` returns an unfitted scikit-learn classifier.
    suggest : callable
        ``suggest(trial, n_features)`` returns the parameters of one trial.
    first : callable
        ``first(n_features)`` returns the parameters known to be good; they are tried first.
    trials : int
        Default number of trials.
    prepare : callable
        ``prepare(train, validation, settings)`` returns the input of `fit`, and that of the scores, of one fold.
    at_once : callable
        ``at_once(n_rows)`` returns how many models fit into memory while they are fitted on the same prepared rows.
    beyond_memory : callable
        ``beyond_memory(n_rows, n_classes)`` returns the settings that so many rows require, and a sentence for the user
        that names the change, or "".
    scales : bool
        Whether `build` takes `blocks`, the widths of blocks of columns that are scaled separately.
    parallel_folds : bool
        Whether folds run in threads; False for a model that uses all cores.
    searches_part : bool
        Whether the search may begin with a part of many rows; see `classify.tuning.race`.
    settle : callable
        ``settle(seed, progress, **wishes)`` returns the arguments of `build` that no trial varies; JSON can hold them.
    wishes : tuple of str
        The choices of a user that `settle` takes, beside the `device`.
    fit_options : callable
        ``fit_options(units, report, checkpoint)`` returns keyword arguments of `fit`: `units` are independent groups
        of the rows, `report` takes the row of each epoch, and `checkpoint` is a file for the state of a long fit, or
        None.
    """

    name: str
    about: str
    reads: str
    build: Callable[..., Any]
    suggest: Callable[["Trial", int], dict]
    first: Callable[[int], list[dict]]
    trials: int
    prepare: Callable = unchanged
    at_once: Callable[[int], int] = lambda n_rows: n_rows
    beyond_memory: Callable[[int, int], tuple[dict, str]] = lambda n_rows, n_classes: ({}, "")
    scales: bool = False
    parallel_folds: bool = False
    searches_part: bool = False
    settle: Callable[..., dict] = lambda seed, progress, **wishes: {}
    wishes: tuple[str, ...] = ()
    fit_options: Callable[..., dict] = lambda units, report, checkpoint: {}


def _class_weight(trial: "Trial") -> str | None:
    return trial.suggest_categorical("class_weight", [None, "balanced"])


def _suggest_svm(trial: "Trial", n_features: int) -> dict:
    return {
        "C": trial.suggest_float("C", 0.1, 100, log=True),
        "gamma": trial.suggest_float("gamma", 0.02 / n_features, 20 / n_features, log=True),
        "class_weight": _class_weight(trial),
    }


def _build_logreg(C: float, class_weight: str | None, blocks: Sequence[int] | None = None):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = BlockScaler(blocks) if blocks else StandardScaler()
    return make_pipeline(scaler, LogisticRegression(C=C, class_weight=class_weight, max_iter=2000))


def _suggest_logreg(trial: "Trial", n_features: int) -> dict:
    return {"C": trial.suggest_float("C", 1e-5, 10, log=True), "class_weight": _class_weight(trial)}


def _build_forest(random_state: int = 0, **params):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=N_TREES, n_jobs=-1, random_state=random_state, **params)


def _build_metadata(**params):
    return _build_forest(max_features=0.3, class_weight="balanced", **params)


def _suggest_forest(trial: "Trial", n_features: int) -> dict:
    return {
        "max_features": trial.suggest_float("max_features", 0.01, 0.3, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True),
        "class_weight": _class_weight(trial),
    }


OF_PRETRAINED = ("train", "head", "body_lr")  # choices that only pretrained nets have


def _net(name: str, about: str, pretrained: bool = False, on_cpu: dict | None = None) -> ModelSpec:
    def build(device: str = "auto", random_state: int = 0, weights: str | None = None, weights_sha256="", **choices):
        from classify.nets.classifier import NetClassifier
        from classify.nets.zoo import NETS

        recipe = NETS[name].recipe.changed(**choices)
        return NetClassifier(name, recipe, weights=weights, device=device, random_state=random_state)

    def settle(seed: int, progress: Progress, device: str = "auto", weights: str = "auto", **wishes) -> dict:
        from classify.nets.zoo import NETS
        from featex.extraction.extractor import choose_device
        from featex.network.weights import find_weights

        device = choose_device(device).type
        recipe = NETS[name].recipe.changed(**((on_cpu or {}) if device == "cpu" else {})).changed(**wishes)
        settings = {choice: getattr(recipe, choice) for choice in choices} | {"device": device, "random_state": seed}
        if pretrained:
            start = find_weights(NETS[name].source, weights, progress)
            settings |= {"weights": str(start.path or start.origin), "weights_sha256": start.sha256}
        return settings

    def first(n_features: int) -> list[dict]:
        from classify.nets.zoo import NETS

        return [{"lr": NETS[name].recipe.lr, "weight_decay": NETS[name].recipe.weight_decay}]

    choices = [field.name for field in fields(NetRecipe) if pretrained or field.name not in OF_PRETRAINED]
    return ModelSpec(
        name,
        about,
        "pixels",
        build,
        _suggest_net,
        first,
        trials=0,
        settle=settle,
        wishes=(*choices, "weights") if pretrained else tuple(choices),
        fit_options=lambda units, report, checkpoint: {
            "groups": units,
            "progress": report,
            "checkpoint": checkpoint,
        },
    )


def _finetuned(name: str, about: str) -> ModelSpec:
    # Without a GPU the layers below a new head cost hours, so they are frozen and run once an image.
    about = f"{about}, fine-tuned (without a GPU: only a new head)"
    return _net(name, about, True, {"train": "head", "augment": "none", "max_epochs": 30})


def _suggest_net(trial: "Trial", n_features: int) -> dict:
    return {
        "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
        "weight_decay": trial.suggest_categorical("weight_decay", [0.0, 1e-4, 1e-3, 1e-2]),
    }


MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "svm",
            "RBF support vector machine on standardised features",
            "features",
            svm.RBFSVC,
            _suggest_svm,
            # C and gamma of the ResNet-18 + SVM study this tool grew from; gamma there was 0.002, about 1/512.
            lambda n_features: [{"C": 1.7, "gamma": 1 / n_features, "class_weight": None}],
            trials=30,
            prepare=svm.prepare,
            at_once=svm.at_once,
            beyond_memory=svm.beyond_memory,
            scales=True,
            parallel_folds=True,
            searches_part=True,
        ),
        ModelSpec(
            "logreg",
            "logistic regression (L2) on standardised features",
            "features",
            _build_logreg,
            _suggest_logreg,
            lambda n_features: [{"C": 1.0, "class_weight": None}],
            trials=20,
            scales=True,
            parallel_folds=True,
            searches_part=True,
        ),
        ModelSpec(
            "forest",
            f"random forest of {N_TREES} trees on features",
            "features",
            _build_forest,
            _suggest_forest,
            lambda n_features: [
                {"max_features": min(0.3, n_features**-0.5), "min_samples_leaf": 1, "class_weight": None}
            ],
            trials=15,
            settle=lambda seed, progress, **wishes: {"random_state": seed},
            searches_part=True,
        ),
        ModelSpec(
            "metadata",
            "random forest on file metadata (format, size, compression), without pixels: the metadata-only baseline",
            "files",
            _build_metadata,
            lambda trial, n_features: {"min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 20, log=True)},
            lambda n_features: [{"min_samples_leaf": 3}],
            trials=0,
            settle=lambda seed, progress, **wishes: {"random_state": seed},
        ),
        _net("lenet5", "LeNet-5 with BatchNorm, trained end to end on 32-pixel images"),
        # An epoch at 256 pixels costs 16 times one at 64: without a GPU, too much for a default.
        _net(
            "cnn",
            "8-layer CNN, trained end to end on 256-pixel images (64 without a GPU)",
            on_cpu={"image_size": 64, "max_epochs": 30},
        ),
        _net("cnn3", "CNN of three convolutions, after the CIFAKE study, trained end to end on 32-pixel images"),
        _finetuned("resnet18", "ResNet-18"),
        _finetuned("resnet50", "ResNet-50"),
        _finetuned("vgg16", "VGG-16"),
        _finetuned("densenet121", "DenseNet-121"),
        _finetuned("efficientnet_b0", "EfficientNet-B0"),
        _finetuned("efficientnet_lite0", "EfficientNet-Lite0 (needs the weights extra)"),
        _finetuned("inception_v3", "Inception v3"),
        _finetuned("xception", "Xception (needs the timm extra)"),
        _finetuned("vit_b_16", "ViT-B/16"),
        _finetuned("swin_t", "Swin-T"),
        _finetuned("convnext_tiny", "ConvNeXt-T"),
    )
}


def get_model(name: str) -> ModelSpec:
    """Return the row of `MODELS` called `name`, whatever its case; raises UsageError with the nearest name."""
    if name.casefold() not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name.casefold()]
