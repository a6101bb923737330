"""The table of views: to add one, write the function that answers it and enter it here."""

from chainrule.models.settings import LATENT
from chainrule.runs.folder.config import RunConfig
from chainrule.studio.views import of_labels, of_numbers, of_runs, of_sequences
from chainrule.studio.views.parameter import Parameter
from chainrule.studio.views.view import KINDS, StudioView

__all__ = ["VIEWS"]

_SEQUENCES = ("text", "sound", "series")
_LABELLED = ("images", "labelled sound")
_FORECAST = ("series", "panel")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm")
_SOUNDS = (".wav", ".flac")
_TEXTS = (".txt", ".md")
_TABLES = (".csv", ".tsv", ".parquet", ".xlsx")
_DATA = _TEXTS + _SOUNDS + _TABLES

_SEED = Parameter(name="seed", label="Seed", type="integer", default=0, min=0, max=2**31)
_TOP_K = Parameter(
    name="top_k", label="Among the likeliest", type="integer", min=1, max=10_000, help="Empty: among all."
)
_TEMPERATURE = Parameter(
    name="temperature", label="Temperature", type="number", default=1.0, min=0.05, max=3.0, step=0.05
)
_HORIZON = Parameter(name="horizon", label="Steps ahead", type="integer", min=1, max=1000, help="Empty: the default.")
_INTERVALS = Parameter(
    name="intervals", label="Intervals", type="choice", default="model", choices=("model", "conformal")
)
_LEVEL = Parameter(name="level", label="Band, %", type="integer", default=80, min=1, max=99, step=1)
_PATHS = Parameter(name="paths", label="Sampled paths", type="integer", default=500, min=10, max=10_000, step=10)
_STEPS = Parameter(name="steps", label="Steps", type="integer", default=64, min=2, max=2048)
_FEW_STEPS = Parameter(name="steps", label="Steps", type="integer", default=8, min=2, max=24)
_AT = Parameter(name="at", label="Path back from step", type="integer", min=0, max=2047, help="Empty: none.")
_CELL = Parameter(name="at", label="Cell", type="text", default="", help="channel,row,col; empty: the largest.")
_LAYER = Parameter(name="layer", label="Layer", type="text", default="", help="Its number or name; empty: the first.")
_EXAMPLE = Parameter(
    name="example", label="Test example", type="integer", min=0, max=10**9, help="Empty: the worst mistake."
)
_LABEL = Parameter(name="label", label="True class of the file", type="text", default="")
_SCORE = Parameter(name="score", label="Differentiate the score of", type="text", default="", help="Empty: the loss.")
_INPUT = (_EXAMPLE, _LABEL, _SCORE)


def _length(default: int, most: int) -> Parameter:
    return Parameter(name="length", label="Length", type="integer", default=default, min=1, max=most)


def _has_gradients(config: RunConfig) -> bool:
    return config.model.name != "ngram"


def _has_state(config: RunConfig) -> bool:
    return config.model.name in LATENT


def _has_convolutions(config: RunConfig) -> bool:
    return config.model.name == "conv"


_VIEWS = (
    StudioView(name="curves", title="Curves", answer=of_runs.curves, loads=False, checkpoints=False),
    StudioView(
        name="looks",
        title="Reach while training",
        answer=of_runs.looks,
        fits=_has_state,
        parameters=(Parameter(name="look", label="Look", type="integer", min=1, max=10_000, help="Empty: the last."),),
        loads=False,
        checkpoints=False,
    ),
    StudioView(
        name="score",
        title="Score",
        answer=of_runs.score,
        accept=_DATA,
        live=False,
    ),
    StudioView(
        name="surprise",
        title="Surprise",
        answer=of_runs.surprise,
        kinds=(*_SEQUENCES, *_LABELLED),
        accept=_DATA,
        live=False,
    ),
    StudioView(
        name="shuffled",
        title="Does order matter?",
        answer=of_runs.shuffled,
        kinds=(*_SEQUENCES, *_LABELLED),
        parameters=(Parameter(name="times", label="Orders", type="integer", default=19, min=1, max=199), _SEED),
        live=False,
    ),
    StudioView(
        name="sample",
        title="Sample",
        answer=of_sequences.sample_text,
        kinds=("text",),
        parameters=(
            Parameter(name="prompt", label="Prompt", type="text", default="", multiline=True),
            _length(500, 20_000),
            _TEMPERATURE,
            _TOP_K,
            _SEED,
        ),
        accept=_TEXTS,
    ),
    StudioView(
        name="sound",
        title="Sample",
        answer=of_sequences.sample_sound,
        kinds=("sound",),
        parameters=(_length(4000, 200_000), _TEMPERATURE, _TOP_K, _SEED),
        accept=_SOUNDS,
        live=False,
    ),
    StudioView(
        name="path",
        title="One possible future",
        answer=of_sequences.sample_values,
        kinds=("series",),
        parameters=(_length(60, 10_000), _SEED),
        accept=_TABLES,
    ),
    StudioView(
        name="forecast",
        title="Forecast",
        answer=of_sequences.forecast,
        kinds=_FORECAST,
        parameters=(_HORIZON, _LEVEL, _INTERVALS, _PATHS, _SEED),
        accept=_TABLES,
    ),
    StudioView(
        name="backtest",
        title="Backtest",
        answer=of_sequences.backtest,
        kinds=_FORECAST,
        parameters=(_HORIZON, _INTERVALS, _PATHS, _SEED),
        accept=_TABLES,
        live=False,
    ),
    StudioView(
        name="look",
        title="Through time",
        answer=of_sequences.look,
        kinds=_SEQUENCES,
        fits=_has_gradients,
        parameters=(_STEPS, _AT),
        accept=_DATA,
    ),
    StudioView(
        name="unroll",
        title="Unrolled",
        answer=of_sequences.unroll,
        kinds=_SEQUENCES,
        fits=_has_state,
        parameters=(
            _FEW_STEPS,
            Parameter(name="k1", label="k1, steps of a chunk", type="integer", min=1, max=24, help="Empty: none."),
            Parameter(name="k2", label="k2, steps back", type="integer", min=1, max=24, help="Empty: as k1."),
        ),
        accept=_DATA,
    ),
    StudioView(
        name="classify",
        title="Classify",
        answer=of_labels.classify,
        kinds=_LABELLED,
        parameters=(_LABEL,),
        accept=_PICTURES + _SOUNDS,
        needs_file=True,
    ),
    StudioView(name="mistakes", title="Mistakes", answer=of_labels.mistakes, kinds=_LABELLED),
    StudioView(
        name="layers",
        title="Layers",
        answer=of_labels.layers,
        kinds=_LABELLED,
        parameters=(_LAYER, _CELL, *_INPUT),
        accept=_PICTURES + _SOUNDS,
    ),
    StudioView(
        name="convolution",
        title="Convolution",
        answer=of_labels.convolution,
        kinds=_LABELLED,
        fits=_has_convolutions,
        parameters=(_LAYER, *_INPUT),
        accept=_PICTURES + _SOUNDS,
    ),
    StudioView(
        name="saliency",
        title="Gradient of the input",
        answer=of_labels.saliency,
        kinds=_LABELLED,
        parameters=_INPUT,
        accept=_PICTURES + _SOUNDS,
    ),
    StudioView(
        name="steps",
        title="Through time",
        answer=of_labels.through_steps,
        kinds=("labelled sound",),
        fits=_has_state,
        parameters=_INPUT,
        accept=_SOUNDS,
    ),
    StudioView(
        name="compare",
        title="Side by side",
        answer=of_runs.compare,
        kinds=KINDS,
        parameters=(_STEPS,),
        checkpoints=False,
        pair=True,
    ),
    StudioView(
        name="comparison",
        title="Comparison",
        answer=of_runs.comparison,
        kinds=("comparison",),
        loads=False,
        checkpoints=False,
    ),
    StudioView(
        name="conv",
        title="Convolve numbers",
        answer=of_numbers.convolve,
        kinds=(),
        parameters=(
            Parameter(name="x", label="x", type="text", default="1,0,-1,2,4", multiline=True),
            Parameter(name="w", label="w, the kernel", type="text", default="1,2,3", multiline=True),
            Parameter(name="stride", label="Stride", type="integer", default=1, min=1, max=16),
            Parameter(name="dilation", label="Dilation", type="integer", default=1, min=1, max=16),
            Parameter(
                name="padding", label="Padding", type="text", default="0", help="A number, same, valid or causal."
            ),
            Parameter(name="flip", label="Reverse the kernel", type="boolean", default=False),
        ),
        accept=_PICTURES,
        checkpoints=False,
    ),
)
VIEWS = {view.name: view for view in _VIEWS}
