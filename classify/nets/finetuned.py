"""FineTuned: a pretrained backbone with a new head; the head alone, the last layers too, or all of it is trained."""

from collections.abc import Iterator

from torch import Tensor, nn
from torchvision.transforms.v2 import Normalize

from classify.errors import SettingError
from featex.network.backbones import Backbone
from featex.network.weights import Weights, load_weights

HIDDEN = 256
LAYERS = (nn.Conv2d, nn.Linear, nn.MultiheadAttention)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class FineTuned(nn.Module):
    """RGB in 0..1 to logits: the backbone's normalisation, the backbone up to its penultimate layer, and a head.

    Parameters
    ----------
    backbone : Backbone
    n_classes : int
    image_size : int
        Pixels a side; some backbones accept one size only.
    head : str
        "linear": one dense layer. "dense": batch normalisation, dropout, a dense layer of 256, dropout, a dense layer.
        "norm-dropout": batch normalisation, dropout, one dense layer. Dropout is one half.

    Notes
    -----
    "dense" is the default of `NETS`: on 869 training images of `ai-vs-real` with a frozen ResNet-18, its mean accuracy
    over two times five folds was 0.905, that of "norm-dropout" 0.889 and of "linear" 0.893 (lr 1e-3, 40 epochs).
    """

    def __init__(self, backbone: Backbone, n_classes: int, image_size: int, head: str, weights: Weights | None = None):
        super().__init__()
        body = backbone.build(image_size) if weights is None else load_weights(backbone, weights, image_size)
        if getattr(body, "aux_logits", False):  # inception's auxiliary classifier, which helps training from scratch
            body.aux_logits, body.AuxLogits = False, None
        self.normalize = Normalize(backbone.mean, backbone.std)
        self.body = body
        self.head = nn.Sequential(*_head(head, backbone.n_features, n_classes))
        self._at_rest: list[nn.Module] = []

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(self.normalize(images)))

    def freeze(self, n_last: int | None) -> None:
        """Train the head and the last `n_last` layers of the body, and freeze the others; None trains all.

        The layers before the first trained one stay in evaluation mode. Where a layer is frozen, so does all batch
        normalisation of the body: batches would move its statistics away from those that the frozen layers were trained
        with. Batch normalisation whose statistics were merged into its scale always stays in evaluation mode, since its
        mean of 0 and variance of 1 are those of no batch.

        Raises
        ------
        ModelError
            The backbone has fewer layers.
        """
        layers = [module for module in self.body.modules() if isinstance(module, LAYERS)]
        if n_last is not None and n_last > len(layers):
            raise SettingError(f"this backbone has {len(layers)} layers; take last:1 to last:{len(layers)}, or all")
        parameters = list(self.body.parameters())
        start = 0
        if n_last is not None:
            first = next(layers[-n_last].parameters()) if n_last else None
            start = next((i for i, parameter in enumerate(parameters) if parameter is first), len(parameters))
        for i, parameter in enumerate(parameters):
            parameter.requires_grad_(i >= start)
        self._at_rest = [] if n_last is None else [self.normalize, *_untrained(self.body)]
        if n_last is not None or _merged(self.body):
            self._at_rest += [module for module in self.body.modules() if isinstance(module, NORMS)]
        self.train(self.training)

    def train(self, mode: bool = True) -> "FineTuned":
        super().train(mode)
        for module in self._at_rest:
            module.eval()
        return self

    def parameter_groups(self, lr: float, body_lr: float | None) -> Iterator[tuple[float, nn.Parameter]]:
        """Yield the learning rate of each parameter that is trained."""
        for part, rate in ((self.head, lr), (self.body, body_lr or lr / 10)):
            yield from ((rate, parameter) for parameter in part.parameters() if parameter.requires_grad)


def _head(kind: str, n_features: int, n_classes: int) -> list[nn.Module]:
    if kind == "linear":
        return [nn.Linear(n_features, n_classes)]
    start = [nn.BatchNorm1d(n_features), nn.Dropout(0.5)]
    if kind == "norm-dropout":
        return [*start, nn.Linear(n_features, n_classes)]
    return [*start, nn.Linear(n_features, HIDDEN), nn.ReLU(), nn.Dropout(0.5), nn.Linear(HIDDEN, n_classes)]


def _untrained(body: nn.Module) -> Iterator[nn.Module]:
    """Yield the innermost modules that lie before the first trained one."""
    for module in body.modules():
        if any(parameter.requires_grad for parameter in module.parameters(recurse=False)):
            return
        if not list(module.children()):
            yield module


def _merged(body: nn.Module) -> bool:
    norms = [module for module in body.modules() if isinstance(module, NORMS)]
    return bool(norms) and all((norm.running_mean == 0).all() and (norm.running_var == 1).all() for norm in norms)
