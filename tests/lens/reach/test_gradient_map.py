"""Maps of some of the targets, and in groups."""

import pytest

from chainrule.errors import ArgumentError
from chainrule.lens.reach import gradient_map as mapping
from tests.lens.cases import close, inputs, layer_of, look


def test_a_sample_of_targets_are_rows_of_the_whole_map() -> None:
    found = look(layer_of("gru of two layers"), inputs(steps=20))
    whole = found.reach()
    some = found.reach(targets=[3, -1, 3])
    assert some.targets == (3, 19)
    close(some.norms, whole.norms[:, [3, 19]])
    assert "mean over 2 of 20 steps t" in str(some)


def test_the_map_goes_in_groups_and_large_ones_are_sampled_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = layer_of("lstm projected")
    x = inputs(steps=20)
    whole = look(layer, x).reach()
    monkeypatch.setattr(mapping, "_NUMBERS", 20 * 5 * 3)
    close(look(layer, x).reach().norms, whole.norms)
    products = sum(p.numel() for n, p in layer.named_parameters() if "weight_ih" in n or "weight_hh" in n)
    monkeypatch.setattr(mapping, "_WORK", 3 * 20 * products * 4)
    sampled = look(layer, x).reach()
    assert len(sampled.targets) == 4
    assert sampled.targets[-1] == 19
    close(sampled.norms, whole.norms[:, list(sampled.targets)])
    monkeypatch.setattr(mapping, "_KEPT", 3 * 20 * 1 * 2)
    small = look(layer, x)
    assert len(small.reach().targets) == 1 if layer.num_layers == 2 else 2
    with pytest.raises(ArgumentError, match=r"a map of 20 targets has .* numbers. Give at most 1"):
        small.reach(targets=range(20))
    monkeypatch.setattr(mapping, "_KEPT", 10**6)
    monkeypatch.setattr(mapping, "_WORK", 2 * 20 * products)
    with pytest.raises(ArgumentError, match=r"a map of 3 rows of 20 steps .* Give 2 row"):
        look(layer, x).reach()
    monkeypatch.setattr(mapping, "_WORK", 7 * products)
    with pytest.raises(ArgumentError, match=r"Give 1 row of 7 steps"):
        look(layer, x).reach()
