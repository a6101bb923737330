"""A run: a model fitted to data, in a folder, and everything that can be asked of it."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Union, get_args

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from chainrule._devices import Device, asked_for, device_of, named
from chainrule.data import Reading, read
from chainrule.errors import ArgumentError, DataError
from chainrule.lens import ThroughLayers, ThroughTime, ThroughWindow
from chainrule.models import Regression
from chainrule.runs.fitted import Fitted
from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import Data, digest_of
from chainrule.runs.folder.device import refuse_device
from chainrule.runs.refit import Refit
from chainrule.runs.scoring.backtest import Backtest
from chainrule.runs.scoring.forecast import Forecast
from chainrule.runs.scoring.labelled.class_score import ClassScore
from chainrule.runs.scoring.labelled.classification import Classifications
from chainrule.runs.scoring.labelled.mistakes import Mistakes
from chainrule.runs.scoring.scores import Score
from chainrule.runs.scoring.surprise import Each, Shuffled

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

__all__ = ["INTERVALS", "Examples", "Intervals", "Run", "Source"]

# A Union, since | does not take the names of types that are not imported.
Source = Union[str, Path, NDArray[Any], "pd.Series[Any]", "pd.DataFrame", Data]
Intervals = Literal["model", "conformal"]
INTERVALS = get_args(Intervals)
Examples = Union[str, Path, NDArray[Any], Tensor, "Image", Iterable[Union[str, Path, NDArray[Any], Tensor, "Image"]]]


class Run(Fitted):
    """A fitted model and its folder. It is shown as results are: ``print(run)``, ``run.plot()``, ``run.to_frame()``.

    What can be asked depends on the data: every run can ``score`` and, if it is a network, ``look``; symbols and series
    can ``sample``; series ``forecast`` and ``backtest``; images and labelled sound ``classify``, and show their
    ``mistakes``. The rest raises ArgumentError.

    Attributes:
        path: the folder.
        config: what was asked for, and what the data was.
        model: the model, with the weights that validated best, which is what is scored.
        refit: the model fitted again to all of the data, which forecasts, samples and classifies; None where ``model``
            does that too.
        result: the score of the test part, as ``fit`` found it; None for a run that was loaded.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        model: nn.Module,
        result: Score | ClassScore | None = None,
        refit: Refit | None = None,
    ) -> None:
        self.path = path
        self.config = config
        self.model = model.eval()
        self.result = result
        self.refit = refit

    @property
    def device(self) -> torch.device:
        """Where the models are, and so where everything but ``look`` is computed."""
        return device_of(self.model)

    @property
    def place(self) -> str:
        """The device in words: "the CPU", or which GPU."""
        return named(self.device)

    def to(self, device: Device) -> Self:
        """Move the models to a device, "cpu", "cuda", "cuda:1" or "mps"; returns the run. The folder stays as it is.

        Raises:
            DeviceError: the device is not there, or cannot compute such a model.
        """
        place = asked_for(device)
        if place is None:
            raise ArgumentError('`device` is \'auto\'; expected one by its name, such as "cpu" or "cuda".')
        refuse_device(place, self.config.model, self.config.data)
        self.model.to(place)
        if self.refit is not None:
            self.refit.model.to(place)
        return self

    @property
    def _newest(self) -> Any:
        """The model that has seen the most of the data."""
        return self.model if self.refit is None else self.refit.model

    @property
    def parameters(self) -> int:
        """How many numbers the model has learned."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def receptive_field(self) -> int | None:
        """How many steps of the past the model sees; None for latent models, which see all of it, and for images."""
        encoder = getattr(self.model, "encoder", None)
        return None if encoder is None else encoder.receptive_field

    @abstractmethod
    def score(
        self,
        data: Source | None = None,
        *,
        context: int | None = None,
        unknown: str | None = None,
        adapt: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Score | ClassScore:
        """The exact log-likelihood of data, per symbol or step; of labelled examples, accuracy too.

        Without ``data``: the test part of the run's own data, which no choice depended on, beside baselines. With
        ``data``: all of it, each document from a cold start. With ``context``, of symbols: also their score in blocks
        of so many, each from a cold start, which compares with that of a transformer with such a window.

        New text may have characters that the model does not know. They are refused, or with ``unknown="skip"`` left out
        of it; with "replace" they are read as a blank (as the text's commonest known character where the model knows
        none) and not scored. The score says which they were.

        With ``adapt``, of symbols, a copy of the model also goes on learning: it scores every symbol first and learns
        from it after, in one pass. "weights" are of networks, "counts" of models that count, "both" of mixtures. It is
        another task than to score with a model that stays as it is, and has a table of its own. ``advance`` is called
        with the share of this pass that is done.

        >>> import chainrule, pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     text = pathlib.Path(folder, "words.txt")
        ...     _ = text.write_text("the dog sat, the cat ran; the cat sat, the dog ran\\n" * 100)
        ...     run = chainrule.fit(text, "gru", hidden=8, steps=5, out=folder + "/run", quiet=True)
        ...     score = run.score(adapt="weights")
        >>> list(score.adapted), score.adapted_nats()["weights"] < score.nats
        (['weights'], True)
        """

    def score_each(self, data: Source | None = None, *, unknown: str | None = None) -> Each:
        """How likely each symbol, step or label was that ``score`` sums up; the arguments are those of ``score``.

        >>> import chainrule, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = chainrule.fit("sunspots", "ar", window=3, out=folder + "/run", quiet=True)
        ...     bool(abs(run.score_each().running[-1] - run.score().log_likelihood) < 1e-9)
        True
        """
        raise self._cannot("tell the score of each step")

    def score_shuffled(
        self,
        data: Source | None = None,
        *,
        times: int = 19,
        seed: int = 0,
        unknown: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Shuffled:
        """The score of the same symbols or steps in so many random orders, drawn by ``seed``: whether order matters.

        Of images and labelled sound the pixels or samples of each example are put in random order. The model stays as
        it is, and so does what is read before the first scored step. Fewer than 19 orders cannot show anything at 5 %.
        """
        raise self._cannot("score in random order")

    def sample(
        self,
        length: int = 500,
        *,
        prompt: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
        data: Source | None = None,
    ) -> Any:
        """Draw what follows the prompt: text of a text model, a waveform of a sound model, values of a series.

        Instead of a prompt, ``data`` may be read first, however long it is; that of a series as by ``forecast``.
        """
        raise self._cannot("sample")

    def forecast(
        self,
        horizon: int | None = None,
        *,
        paths: int | None = None,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        seed: int | None = None,
        data: Source | None = None,
        intervals: Intervals = "model",
    ) -> Forecast:
        """Quantiles of the steps after the end of the data.

        Of one series they come from sampled ``paths`` (1000 unless said), drawn by ``seed``, over a ``horizon`` of 30
        steps unless said. Of a panel they are the model's own, over the horizon that it learned, or less. With the
        ``intervals`` "conformal" quantiles are moved so that intervals along the test part would have held as often as
        they say; 0.5 must be among them, and with each of the others what it lacks to 1. Of a panel they then follow
        what came since the fit, each interval by how the earlier ones of its series fared, as in a backtest.

        The weights stay as they are; the state reads on over what came since the fit. That is ``data``, which goes on
        from the run's own and may repeat it; or what ``update`` was given; or what the fitted file has grown by, of
        which a warning tells.

        Raises:
            DataError: ``data`` ends before the run's own, leaves a gap after it, or has other columns.
            TransformError: the run's transform cannot take its values.
        """
        raise self._cannot("forecast")

    def update(self, data: Source) -> "Run":
        """Keep what came since the fit with the run, so that forecasts and samples go on from its end; returns the run.

        The weights stay as they are, and so does the data that ``score`` and ``backtest`` use. ``data`` is checked as
        by ``forecast``; where it has other values for steps that the run knows, these are taken, with a warning.
        """
        raise self._cannot("be updated")

    def backtest(
        self,
        data: Source | None = None,
        *,
        horizon: int | None = None,
        paths: int | None = None,
        stride: int | None = None,
        seed: int | None = None,
        intervals: Intervals = "model",
        baselines: Sequence[str] | None = None,
        refit_every: int | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> Backtest:
        """Errors of forecasts as they would have been made along the held-out data, beside naive ones.

        The horizon is 30 steps, and 200 paths are drawn, unless said; of a panel it is that which the model learned,
        and none are drawn. With the ``intervals`` "conformal" each is moved by how the earlier ones of its series
        fared. Of a panel, ``baselines`` name what stands beside the model, of naive, seasonal naive, drift, ets, theta
        and ar; and with ``refit_every`` its weights are trained again before so many successive times of forecasts, on
        all that was known by then, which takes long. ``advance`` is called with the share that is done.
        """
        raise self._cannot("backtest")

    def classify(self, files: Examples) -> Classifications:
        """The label of each example, with the probability of every class.

        Args:
            files: one or several paths of images or sound files, or arrays or tensors: images like the run's own
                (channels x height x width, or channels last; of Pillow, L or RGB), samples from -1 to 1 at its rate.

        Raises:
            ArgumentError, DataError: something else, or an image of another size.
        """
        raise self._cannot("classify")

    def look(
        self,
        data: Any = None,
        steps: int | None = None,
        *,
        example: int | None = None,
        label: int | str | None = None,
        score: int | str | None = None,
    ) -> ThroughTime | ThroughWindow | ThroughLayers:
        """Every number of a forward and a backward pass of the model, in float64: how far gradients reach, or where.

        Of symbols and series: up to eight sequences of ``steps`` of ``data`` (a Source), or of the run's own, are
        inspected together through time; by default of four windows, 512 steps at most. The run's own are of symbols
        those of the test part, and of a series, whose test part may be short, all.

        Of images and labelled sound: ``data`` is one file or array, as of ``classify``, or the ``example`` of this
        number in the test part (unless said that whose label is least probable) is inspected layer by layer. Gradients
        are those of the loss, of an example by its own label and of new data by the ``label`` that is given; or else
        of the score of a class, which ``score`` names and which is otherwise the likeliest.
        """
        raise self._cannot("be inspected through time")

    def mistakes(self) -> Mistakes:
        """The examples of the test part that a classifier gets wrong, worst first, and what it confuses most often."""
        raise self._cannot("list mistakes")

    @property
    def regression(self) -> Regression:
        """The exact fit of a linear AR: coefficients, intercept, residual variance and log-likelihood."""
        raise self._cannot("give a regression")

    def watched(self, score: Score | ClassScore) -> Score | ClassScore:
        """The score, with where forecasts go that feed on themselves, if this kind of run makes any."""
        return score

    def draw(self) -> None:
        """Write the figures that this kind of run has besides its losses: none, unless a kind does so."""
        return

    _can = "score"

    @abstractmethod
    def _difference(self, data: Data) -> str | None:
        """What keeps data of the run's own kind from being used with it, in words; None if nothing does."""

    @property
    @abstractmethod
    def _fitted_to(self) -> str:
        """What the model was fitted to, in words."""

    def _refuse_both(self, prompt: Any, data: Source | None) -> None:
        if prompt is not None and data is not None:
            raise ArgumentError("give `prompt` or `data` to go on from, not both.")

    def _refuse_of_symbols(self, context: int | None, unknown: str | None, adapt: str | None) -> None:
        if context is not None:
            raise self._cannot(f"score by a context of {context}, which is for symbols")
        if unknown is not None:
            raise self._cannot(f"{unknown} what is unknown, which is for characters")
        if adapt is not None:
            raise self._cannot(f"adapt {adapt} while it scores, which is for symbols")

    def _refuse_of_examples(self, example: int | None, label: int | str | None, score: int | str | None) -> None:
        given = {"example": example, "label": label, "score": score}
        for name, value in given.items():
            if value is not None:
                raise self._cannot(f"be inspected by `{name}`, which is for images and labelled sound")

    def _cannot(self, asked: str) -> ArgumentError:
        data = self.config.data
        return ArgumentError(
            f"{self.path} cannot {asked}: its model is {self.config.model.name}, fitted to "
            f"the {data.kind} {data.name}. It can {self._can}."
        )

    def read(self, source: Source, unknown: str | None = None) -> Data:
        """New data, read as the run's own was: the same columns, alphabet, classes; ``unknown`` as of ``score``.

        Raises:
            DataError: it cannot be read so, or is not of the kind that the model was fitted to.
        """
        own = self.config.data
        # The transform is the run's own, whatever the new data would take.
        reading = replace(self.config.reading, transform=Reading.transform)
        if isinstance(source, Data):
            if unknown is not None:
                raise ArgumentError(f"`unknown` is {unknown!r}, but {source.name} is read already. Leave it out.")
            data = source
        else:
            # new data is not split, so that it needs no groups
            own_source = isinstance(source, str) and source.removeprefix("builtin:") == self.config.source
            group = reading.group if own_source else None
            of_new: dict[str, Any] = {"unknown": unknown, "group": group}
            data = read(
                source,
                replace(reading, **of_new),
                alphabet=own.alphabet,
                classes=own.classes or None,
                covariates=None if own.inputs is None else own.inputs.covariates,
                inherited=True,
            )
        difference = f"is {data.kind}" if data.kind != own.kind else self._difference(data)
        if difference is not None:
            raise DataError(
                f"{data.name} {difference}; the model was fitted to {self._fitted_to}. Give {self.path} data of the "
                "kind that it was fitted to."
            )
        return data

    def _own(self) -> Data:
        """The data that the run was fitted to, read again."""
        source = self.config.source
        if source is None:
            raise DataError(f"{self.path} was fitted to data in memory, which is not kept: give the data to score.")
        if Path(source).is_absolute() and not Path(source).exists():
            raise DataError(f"{source}, which {self.path} was fitted to, is no longer there: give the data to score.")
        # what lies in the folder of today by the name of a built-in set is not what the run was fitted to
        data = self.read(source if Path(source).is_absolute() else f"builtin:{source}")
        if digest_of(data) != self.config.data.digest:
            raise DataError(
                f"{source} has changed since {self.path} was fitted to it, so its last tenth may be what the model was "
                "trained on. Restore it, or name it as DATA to score all of it."
            )
        return data
