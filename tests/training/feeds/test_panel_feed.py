"""The feed of panels: the gradient of the loss from every step of whole series, resumed to the same bits."""

import numpy as np
import pytest
import torch

from chainrule.training import FullBPTT, PanelFeed, Streams, TruncatedBPTT
from tests.models.panels.cases import dated_panel, inputs_of, model_of, tensors_of
from tests.tolerances import close
from tests.training.bptt.through_time import collected

PANEL = dated_panel(missing=0.05)
INPUTS = inputs_of(PANEL)
ROWS = tensors_of(PANEL, INPUTS)
DOCUMENTS = [np.arange(first, last - 1) for first, last in zip(PANEL.starts[:-1], PANEL.ends, strict=True)]
ENDS = torch.from_numpy(PANEL.ends)
STEPS = sum(map(len, DOCUMENTS))


@pytest.mark.parametrize("name", ["gru", "conv", "mlp", "ar"])
def test_an_epoch_is_the_gradient_of_all_series(name: str) -> None:
    """In evaluation mode, where every step counts; with one row and one window, and with several of both."""
    model = model_of(name, INPUTS)
    total = torch.zeros(())
    for document in DOCUMENTS:
        at = torch.from_numpy(document)
        features, _ = model.encode(ROWS, at[None])
        total = total + model.losses(ROWS, at, features[0], ENDS[ROWS.series[at]])[0].sum()
    total.backward()
    expected = collected(model)
    for streams, bptt in (
        (Streams(DOCUMENTS, 1, STEPS), TruncatedBPTT(STEPS)),
        (Streams(DOCUMENTS, 1, STEPS), FullBPTT()),
        (Streams(DOCUMENTS, 1, 20), TruncatedBPTT(20, 200)),
    ):
        feed = PanelFeed(ROWS, ENDS, streams, bptt)
        found = torch.zeros_like(expected)
        seen = 0
        while seen < STEPS:
            _, count = feed.backward(model.eval())
            found += collected(model)
            seen += count
        close(found, expected)


def test_some_steps_stand_for_all() -> None:
    """In training, losses of every fourth step, each time others: as large in the mean."""
    model = model_of("gru", INPUTS).train()
    torch.manual_seed(0)
    feed = PanelFeed(ROWS, ENDS, Streams(DOCUMENTS, 1, STEPS), TruncatedBPTT(STEPS))
    some = [feed.backward(model)[0] for _ in range(60)]
    every, _ = feed.backward(model.eval())
    assert len({round(loss, 9) for loss in some}) == 4
    assert np.mean(some) == pytest.approx(every, rel=0.1)


def test_it_goes_on_where_it_was() -> None:
    model = model_of("gru", INPUTS).train()

    def feed() -> PanelFeed:
        return PanelFeed(ROWS, ENDS, Streams(DOCUMENTS, 2, 10, shuffle=True, seed=3), TruncatedBPTT(10, 20))

    whole = feed()
    for _ in range(5):
        whole.backward(model)
    state = {name: tensor.clone() for name, tensor in whole.state().items()}
    rest = feed()
    rest.restore(state)
    for _ in range(8):
        torch.manual_seed(0)
        expected = whole.backward(model)
        torch.manual_seed(0)
        assert rest.backward(model) == expected
