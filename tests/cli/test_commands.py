"""Every command: what it prints where, what it writes, and the examples of its help."""

import csv
import io
import json
import re
import shutil
import warnings
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import chainrule
from chainrule.cli.app import app
from chainrule.data import write_wav
from tests.cli.conftest import COMMANDS, Command
from tests.runs.cases import ar1, daily, text, write_csv


def help_of(name: str) -> str:
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_80_columns_and_breaks_no_line_in_the_middle(name: str) -> None:
    lines = help_of(name).splitlines()
    assert max(map(len, lines)) <= 80
    description = [line for line in lines[2:] if line.startswith(" ") and line.strip()][:8]
    assert "Example:" in help_of(name)
    for first, second in pairwise(description):
        word = second.split()[0]
        if not first.rstrip().endswith((".", ":")) and not second.startswith(" $") and "Usage" not in first:
            assert len(first.rstrip()) + 1 + len(word) >= 80, f"{first!r} could go on with {word!r}"


def test_fit_prints_the_score_on_stdout_and_remarks_on_stderr(command: Command, here: Path) -> None:
    (here / "words.txt").write_text(text())
    result = command("fit words.txt --hidden 4 --window 8 --steps 10 --batch 4 --out runs/a")
    assert result.exit_code == 0
    table = result.stdout.splitlines()
    assert table[0].strip() == "words.txt, last tenth (test): 120 characters"
    rows = {line[:12].strip(): float(line.split()[-3]) for line in table[3:8]}
    assert rows.keys() == {"lstm + ngram", "lstm alone", "ngram", "bigram", "unigram"}
    assert list(rows.values()) == sorted(rows.values())
    assert "lstm + ngram of words.txt" in result.stderr
    done = r"^lstm \+ ngram with [\d,]+ parameters\. Run in runs/a; figures: loss\.png, reach\.png$"
    assert re.search(done, result.stderr, re.MULTILINE)
    assert re.search(r"^gradients at step \d+: \w+: .* your window", result.stderr, re.MULTILINE)
    quiet = command("fit words.txt --hidden 4 --window 8 --steps 2 --batch 4 --out runs/b --quiet")
    assert quiet.stderr.count("\n") == 1


def test_a_fit_by_counting_says_what_it_sees_and_draws_no_figures(command: Command, here: Path) -> None:
    (here / "words.txt").write_text(text())
    for order, seen in ((1, "no character of the past"), (3, "the last 2 characters")):
        said = command(f"fit words.txt --model ngram --order {order} --out runs/{order} --quiet").stderr
        assert said.endswith(f", which sees {seen}. Run in runs/{order}\n")
        assert f"sees        {seen}" in str(chainrule.load(here / "runs" / str(order)))


def test_help_of_look_says_which_part_of_the_data_it_takes(command: Command) -> None:
    assert "of a series from all of it" in " ".join(help_of("look").split())


def test_a_loss_of_nothing_has_no_sign(command: Command, here: Path) -> None:
    (here / "same.txt").write_text("a" * 400)
    result = command("fit same.txt --hidden 4 --window 8 --steps 2 --batch 4 --out runs/same")
    assert "0.0000" in result.stdout
    assert "-0.0" not in result.stdout + result.stderr


def test_score_prints_what_fit_did(command: Command, runs: Path) -> None:
    for name in ("text", "series", "digits"):
        score = json.loads((runs / name / "score.json").read_text())
        result = command(f"score {runs}/{name}")
        assert result.exit_code == 0
        assert f"{score['nats']:.4f}" in result.stdout
        assert result.stderr == ""


def test_score_of_new_data(command: Command, runs: Path, here: Path) -> None:
    (here / "new.txt").write_text("the cat ran after the dog")
    assert "new.txt, all: 25 characters" in command(f"score {runs}/text new.txt").stdout
    write_csv(here / "new.csv", ar1(50, seed=1), daily(50))
    result = command(f"score {runs}/series new.csv")
    assert "one step ahead" in result.stdout
    assert "random walk" in result.stdout


def test_sample_continues_the_prompt_and_repeats_with_the_seed(command: Command, runs: Path, here: Path) -> None:
    first = command(f"sample {runs}/text --prompt 'the cat' --length 20 --seed 3").stdout
    assert first.startswith("the cat")
    assert len(first) == 7 + 20 + 1
    assert first == command(f"sample {runs}/text --prompt 'the cat' --length 20 --seed 3").stdout
    assert first != command(f"sample {runs}/text --prompt 'the cat' --length 20 --seed 4").stdout
    (here / "p.txt").write_text("the cat")
    assert first == command(f"sample {runs}/text --prompt FILE:p.txt --length 20 --seed 3").stdout
    command(f"sample {runs}/text --prompt 'the cat' --length 20 --seed 3 --out x.txt")
    assert (here / "x.txt").read_text() == first.removesuffix("\n")
    run = chainrule.load(runs / "text")
    assert "the cat" + run.sample(20, prompt="the cat", seed=3) == first.removesuffix("\n")


def test_bytes_are_written_as_they_are(command: Command, here: Path) -> None:
    (here / "raw.txt").write_bytes(bytes(range(256)) * 2)
    command("fit raw.txt --unit bytes --model ar --window 2 --steps 1 --out run --quiet")
    shown = command("sample run --length 40").stdout_bytes
    command("sample run --length 40 --out x.txt")
    assert (here / "x.txt").read_bytes() == shown.removesuffix(b"\n")
    assert len(shown) == 41


def test_a_series_is_sampled_as_csv(command: Command, runs: Path) -> None:
    header, *rows = csv.reader(io.StringIO(command(f"sample {runs}/series --length 4 --seed 1").stdout))
    assert header == ["a"]
    expected = chainrule.load(runs / "series").sample(4, seed=1)
    np.testing.assert_array_equal(np.array(rows, float), expected)


def test_sound_is_sampled_to_a_wav_file_after_its_prompt(command: Command, here: Path) -> None:
    wave = 0.5 * np.sin(np.arange(900) / 3)
    soundfile.write(here / "x.wav", wave, 8000)
    soundfile.write(here / "start.wav", wave[:50], 8000)
    assert command("fit x.wav --model ar --window 4 --steps 2 --out run --quiet").exit_code == 0
    result = command("sample run --length 100 --prompt FILE:start.wav --out y.wav")
    assert result.stdout == ""
    assert "0.02 s of sound written to y.wav" in result.stderr
    samples, rate = soundfile.read(here / "y.wav")
    assert (len(samples), rate) == (150, 8000)
    np.testing.assert_allclose(samples[:50], wave[:50], atol=0.02)  # 8 bits of mu-law


def test_forecast_prints_writes_and_draws(command: Command, runs: Path, here: Path) -> None:
    shown = command(f"forecast {runs}/series --horizon 3 --quantiles .25,.75")
    assert "2020-10-27" in shown.stdout
    assert "0.25" in shown.stdout
    written = command(f"forecast {runs}/series --horizon 3 --out f.csv --plot f.png")
    assert written.stdout == ""
    header, *rows = csv.reader(io.StringIO((here / "f.csv").read_text()))
    assert header == ["date", "a 0.1", "a 0.5", "a 0.9"]
    np.testing.assert_array_equal(
        np.array([row[1:] for row in rows], float), chainrule.load(runs / "series").forecast(3).quantiles[..., 0].T
    )
    assert (here / "f.png").read_bytes().startswith(b"\x89PNG")


def test_backtest_puts_the_model_beside_the_random_walk(command: Command, runs: Path) -> None:
    result = command(f"backtest {runs}/series --horizon 5 --paths 20")
    assert result.exit_code == 0
    assert result.stderr == ""
    row = chainrule.load(runs / "series").backtest(horizon=5, paths=20).rows["model"]
    assert f"{row.crps:.5g}" in result.stdout
    assert "random walk" in result.stdout


@pytest.mark.slow
def test_compare_prints_a_table_and_a_verdict(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(400))
    result = command("compare noise.csv --models ar,gru --hidden 2 --window 4 --steps 2 --quiet --out runs/c")
    assert result.exit_code == 0
    assert re.search(r"^ar +\S+ +\S+ +\S+ ", result.stdout, re.MULTILINE)
    assert "Order matters here: ar gains" in result.stdout
    assert (here / "runs" / "c" / "gru" / "config.json").exists()


def test_classify_tells_of_the_good_files_and_of_each_that_is_not(command: Command, runs: Path, here: Path) -> None:
    command("data digits --out pictures")
    (here / "bad.png").write_bytes(b"\x89PNG")
    files = "bad.png pictures/3/0003.png gone.png pictures/0/0000.png"
    result = command(f"classify {runs}/digits {files} --json")
    assert result.exit_code == 2
    assert [each["file"] for each in json.loads(result.stdout)["files"]] == files.split()[1::2]
    first, second = result.stderr.strip().splitlines()
    assert first.startswith("error: bad.png cannot be read as an image")
    assert second.startswith("error: gone.png does not exist")


def test_classify_labels_files(command: Command, runs: Path, here: Path) -> None:
    command("data digits --out pictures")
    result = command(f"classify {runs}/digits pictures/3/0003.png pictures/0/0000.png")
    assert result.exit_code == 0
    assert "pictures/3/0003.png" in result.stdout
    expected = chainrule.load(runs / "digits").classify(["pictures/3/0003.png"])[0]
    assert f"{expected.probabilities[expected.label]:.1%}" in result.stdout


def test_data_lists_every_built_in_set_with_source_and_licence(command: Command) -> None:
    shown = command("data").stdout
    for entry in chainrule.data.builtins():
        assert re.search(rf"^{entry.name} ", shown, re.MULTILINE)
        assert entry.licence.split()[0] in shown


def test_score_of_a_model_that_goes_on_learning(command: Command, runs: Path) -> None:
    result = command(f"score {runs}/text --adapt weights")
    frozen, adapting = result.stdout.split("\nadapting: ")
    assert frozen == command(f"score {runs}/text").stdout
    assert "lstm + ngram, adapting weights" in adapting
    assert result.stderr == ""


WIDE = (
    "fit sunspots --model ar --out w",
    "score w",
    "forecast w --horizon 4",
    "backtest w --horizon 4 --paths 5",
    "compare sunspots --models ar --out c --quiet",
    "data",
)


def test_tables_fit_80_columns_and_have_no_markup_or_colour_codes_in_a_pipe(command: Command) -> None:
    for line in WIDE:
        out = command(line).stdout
        assert max(map(len, out.splitlines())) <= 80, out
        assert "\x1b" not in out
        assert not re.search(r"\[/?(bold|red|yellow)", out), out


def test_names_with_brackets_or_colons_are_shown_as_they_are(command: Command, here: Path) -> None:
    header = "price[usd],[red]vol\n"
    rows = "\n".join(f"{a:.3f},{b:.3f}" for a, b in ar1(60, columns=2))
    (here / "[b]:smile:.csv").write_text(header + rows)
    result = command('fit "[b]:smile:.csv" --columns "price[usd],[red]vol" --model ar --window 1 --out "[r]"')
    assert "[b]:smile:.csv, last tenth" in result.stdout
    shown = command('forecast "[r]" --horizon 2').stdout
    assert "forecast of price[usd]" in shown
    assert "forecast of [red]vol" in shown
    assert "no column '[red]'" in command('fit "[b]:smile:.csv" --columns "[red]"').stderr


def test_warnings_are_remarks(command: Command, here: Path) -> None:
    """A receptive field shorter than the window is said, on one line and without Python's source line."""
    (here / "words.txt").write_text(text())
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = command("fit words.txt --model conv --layers 1 --hidden 2 --window 32 --steps 1 --out r --quiet")
    assert result.exit_code == 0
    assert re.search(r"^warning: the receptive field of conv with 1 layer", result.stderr, re.MULTILINE)
    assert "warnings.warn" not in result.stderr


def test_columns_may_be_repeated_or_have_commas_between_them(command: Command, here: Path) -> None:
    write_csv(here / "x.csv", ar1(60, columns=3))
    command("fit x.csv --columns a,c --model ar --window 1 --out r --quiet")
    command("fit x.csv --column a --column c --model ar --window 1 --out s --quiet")
    assert (here / "r" / "score.json").read_text() == (here / "s" / "score.json").read_text()
    assert json.loads((here / "r" / "config.json").read_text())["reading"]["columns"] == ["a", "c"]


def test_the_version(command: Command) -> None:
    assert command("--version").stdout == f"chainrule {metadata.version('chainrule')}\n"


def test_a_score_of_few_steps_and_of_unseen_symbols_says_so(command: Command, here: Path) -> None:
    (here / "late.txt").write_text("abc" * 300 + "abcd" * 25)
    late = command("fit late.txt --hidden 4 --window 8 --steps 1 --quiet").stdout
    assert "Training never saw 25 of the scored characters" in late
    write_csv(here / "short.csv", ar1(60), daily(60))
    assert "Only 6 steps scored" in command("fit short.csv --model ar --window 2").stdout


@pytest.mark.slow
def test_look_tells_how_far_gradients_reach_and_writes_a_page(command: Command, runs: Path, here: Path) -> None:
    result = command(f"look {runs}/text --steps 20 --at 12 --html page.html")
    assert result.exit_code == 0
    titles = ("Backpropagation through time", "Gradient norm by lag", "Truncated backpropagation", "Gates")
    for part in (*(f"{title}: LSTM" for title in titles), "from step 12 back to 0"):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr.strip() == "written to page.html"
    assert (here / "page.html").read_text().count("<h2>") == 4
    (here / "new.txt").write_text("the cat ran after the dog")
    assert "1 row of 25 steps" in command(f"look {runs}/text new.txt").stdout


def test_look_at_a_window_model_tells_what_it_sees(command: Command, runs: Path) -> None:
    result = command(f"look {runs}/series")
    assert result.exit_code == 0
    assert "window: the model sees the last 3 inputs and nothing before them" in result.stdout.replace("\n", " ")


@pytest.mark.slow
def test_look_at_a_classifier_shows_its_layers_and_mistakes(command: Command, runs: Path, here: Path) -> None:
    result = command(f"look {runs}/digits --layer 3 --at 1,2 --html page.html")
    assert result.exit_code == 0
    parts = ("Layers", "Gradient of the input", "Feature maps: layer 3", "Weights: layer 3", "Gradients of the weights")
    for part in (*parts, "1,2] = ", "Receptive field", "Worst mistakes", "Most often confused", "best single answer"):
        assert part in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert (here / "page.html").read_text().count("<img") == 10


def test_look_at_one_image(command: Command, runs: Path, here: Path) -> None:
    command("data digits --out pictures")
    result = command(f"look {runs}/digits pictures/3/0003.png --label 3")
    assert result.exit_code == 0
    assert "0003.png: " in result.stdout
    assert "the loss, -log p(3)" in result.stdout.replace("\n", " ")
    assert "mistakes" not in result.stdout
    assert "the score of 7" in command(f"look {runs}/digits --example 2 --score 7").stdout


def test_look_conv_explains_a_shape(command: Command, here: Path) -> None:
    channels = "--in-channels 2 --groups 2 --out-channels 4"
    result = command(f"look conv --input 28x20 --kernel 3x5 --stride 2x1 --padding 1 {channels}")
    assert result.exit_code == 0
    for part in ("2x28x20 -> 4x14x18", "floor((28 + 1 + 1 - 3)/2) + 1 = 14", "4*1*3*5 + 4 = 64"):
        assert part in result.stdout
    assert "1x100 -> 1x100" in command("look conv --input 100 --kernel 9 --padding same --html c.html").stdout
    assert (here / "c.html").exists()


@pytest.mark.slow
def test_look_conv_shows_the_laws_on_ones_own_numbers(command: Command, here: Path) -> None:
    result = command("look conv --x 1,0,-1,2,4 --w 1,2,3 --one-based --html laws.html")
    assert result.exit_code == 0
    for part in ("f*g = g*f", "(f*g)' = f*g'", "Sf*g = S(f*g)", "5 - 3 + 1 = 3", "w_1 * d_3"):
        assert part in result.stdout
    assert "Laws of convolution" in (here / "laws.html").read_text()
    (here / "x.csv").write_text("1,2,3\n4,5,6\n")
    (here / "one.csv").write_text("1, 2 3\n")
    assert "Laws of convolution: 3 * 1" in command("look conv --x FILE:one.csv --w 1").stdout
    assert "Laws of convolution: 2x3 * 2x1" in command("look conv --x FILE:x.csv --w '1;0' --padding 1").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--x 1,2", "needs both --x and --w"),
        ("--x 1,,2 --w 1", "--x is '1,,2'; expected numbers with commas"),
        ("--x '1,2;3' --w 1", "expected numbers with commas"),
        ("--x '1,2;3,4' --w 1", "--x has 2 dimensions and --w 1"),
        ("--x 1 --w 1 --groups 2", "--groups: --x and --w have sizes of their own"),
        ("--x FILE:none.csv --w 1", "--x is 'FILE:none.csv', and none.csv cannot be read"),
        ("--x FILE:. --w 1", "cannot be read"),
        ("--x FILE:junk --w 1", "junk cannot be read"),
        ("--x FILE:empty --w 1", "--x has 0 numbers"),
        ("--x FILE:ragged --w 1", "they differ in length"),
        ("--x nan --w 1", "all of them finite"),
        ("--x 1,2,3 --w 1,2 --padding 9999999", "the result has 20,000,000 numbers; expected 4,096 at most"),
        ("--input 3 --kernel 1 --unroll", "none of the options of runs"),
    ],
)
def test_look_conv_refuses_what_are_no_numbers(command: Command, here: Path, options: str, message: str) -> None:
    (here / "junk").write_bytes(b"\xff\xfe\x00")
    (here / "empty").touch()
    (here / "ragged").write_text("1,2\n3\n")
    result = command(f"look conv {options}")
    assert result.exit_code == 2
    assert message in result.stderr


def test_look_unrolls_a_network(command: Command, runs: Path) -> None:
    result = command(f"look {runs}/text --unroll --k1 2 --k2 4 --one-based --at 3")
    assert result.exit_code == 0
    for part in ("Unrolled: LSTM", "from h_{t+1}", "truncation to k1 = 2, k2 = 4", "from step 3 back to 1"):
        assert part in result.stdout
    assert "give it too" in command(f"look {runs}/text --k1 2").stderr
    assert "expected a step from 1 to 8" in command(f"look {runs}/text --steps 8 --one-based --at 9").stderr
    assert "it sees a window" in command(f"look {runs}/series --unroll").stderr
    short = command(f"look {runs}/text --unroll --at 40")
    assert short.exit_code == 2
    assert "--unroll alone looks at 8 steps; --steps asks for more." in short.stderr
    assert "--unroll" not in command(f"look {runs}/text --steps 8 --at 40").stderr


@pytest.mark.slow
def test_score_tells_each_symbol_and_what_random_order_costs(command: Command, runs: Path, here: Path) -> None:
    each = command(f"score {runs}/text --each --plot each.png --html each.html")
    assert each.exit_code == 0
    assert "log2 p" in each.stdout
    assert (here / "each.png").exists()
    assert (here / "each.html").exists()
    shuffled = command(f"score {runs}/series --shuffled 2 --seed 3").stdout
    assert "mean of 2 random orders" in shuffled
    assert "pixels in random order" in command(f"score {runs}/digits --shuffled 1").stdout
    for options, message in (
        ("--each --shuffled 2", "ask one at a time"),
        ("--each --context 4", "are of the score"),
        ("--seed 3", "draws the random orders"),
    ):
        assert message in command(f"score {runs}/text {options}").stderr


@pytest.mark.slow
def test_fit_says_what_it_read_and_which_weights_forecast(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(400), daily(400))
    said = command("fit noise.csv --hidden 4 --steps 8 --out r").stderr.splitlines()
    assert said[0] == "noise.csv: 400 steps of a, 2020-01-01 to 2021-02-03, days (D), a season of 7 steps."
    assert said[1].startswith("Split in time order. 320 steps train, 40 choose the checkpoint, 40 are scored. Then")
    assert said[2].startswith("gru (the default), hidden size 4, window 40 (a tenth of the steps), transform ")
    assert any("come from weights refitted on all 400 steps; the score is of weights that have not" in x for x in said)
    assert "gru, weights refitted on all 400 steps" in command("forecast r --horizon 2").stderr
    result = command("fit noise.csv --hidden 4 --steps 8 --out n --no-refit")
    assert "refit" not in result.stderr
    assert "refit" not in command("forecast n --horizon 2").stderr


@pytest.mark.slow
def test_patience_stops_a_fit_and_says_so(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(200, coefficient=0.0))
    result = command("fit noise.csv --hidden 32 --window 8 --steps 400 --patience 2 --learning-rate 0.05 --out r")
    assert re.search(r"^stopped at step \d+: no improvement since step \d+$", result.stderr, re.MULTILINE)
    last = json.loads((here / "r" / "metrics.jsonl").read_text().splitlines()[-1])
    assert re.fullmatch(r"no improvement since step \d+", last["stopped"])
    assert last["step"] < 400


def test_forecasts_and_samples_go_on_from_new_data(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(300)[:280], daily(280))
    command("fit noise.csv --model ar --window 3 --out r --quiet")
    write_csv(here / "new.csv", ar1(300)[270:], daily(300)[270:])
    assert "2020-10-27" in command("forecast r new.csv --horizon 1").stdout
    assert "2020-10-07" in command("forecast r --horizon 1").stdout
    after = command("sample r --from new.csv --length 3 --seed 2").stdout
    result = command("update r new.csv")
    assert (
        result.stderr.strip()
        == "r goes on after step 300 (2020-10-26), the last of 20 since the fit; its weights are as they were."
    )
    assert "2020-10-27" in command("forecast r --horizon 1").stdout
    assert command("sample r --length 3 --seed 2").stdout == after
    write_csv(here / "gap.csv", ar1(5), daily(400)[-5:])
    for line in ("forecast r gap.csv", "update r gap.csv", "sample r --from gap.csv"):
        result = command(line)
        assert result.exit_code == 2
        assert "has a gap: after 2020-10-26" in result.stderr


def test_a_text_goes_on_from_a_file_without_repeating_it(command: Command, runs: Path, here: Path) -> None:
    (here / "p.txt").write_text("the cat")
    whole = command(f"sample {runs}/text --prompt FILE:p.txt --length 20 --seed 3").stdout
    assert command(f"sample {runs}/text --from p.txt --length 20 --seed 3").stdout == whole.removeprefix("the cat")
    assert command(f"update {runs}/text p.txt").exit_code == 2
    both = command(f"sample {runs}/text --from p.txt --prompt the")
    assert (both.exit_code, "give --prompt or --from to go on from, not both" in both.stderr) == (2, True)


def test_overwrite_replaces_a_run_and_nothing_else(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(100))
    fit = "fit noise.csv --model ar --window 2 --out r --quiet"
    assert command(fit).exit_code == 0
    refused = command(fit)
    assert (refused.exit_code, "replace it with --overwrite" in refused.stderr) == (2, True)
    assert command(f"{fit} --overwrite").exit_code == 0
    (here / "mine").mkdir()
    (here / "mine" / "a.txt").write_text("a")
    assert command("fit noise.csv --model ar --window 2 --out mine --overwrite").exit_code == 2
    assert (here / "mine" / "a.txt").exists()


def test_a_run_whose_fit_did_not_end_says_so(command: Command, here: Path) -> None:
    write_csv(here / "noise.csv", ar1(100))
    command("fit noise.csv --model ar --window 2 --out r --quiet")
    (here / "r" / "score.json").unlink()
    for line in ("score r", "forecast r --horizon 2", "sample r --length 2"):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            result = command(line)
        assert result.exit_code == 0
        assert "warning: the fit of r did not end: its weights are the best so far, and not scored." in result.stderr


@pytest.mark.parametrize(("how", "done"), [("skip", "They are left out"), ("replace", "They are read as ' '")])
def test_unknown_characters_are_said_and_the_rest_is_scored(
    how: str, done: str, command: Command, runs: Path, here: Path
) -> None:
    (here / "new.txt").write_text("the cÄat sat on Ä", encoding="utf-8")
    result = command(f"score {runs}/text new.txt --unknown {how}")
    assert result.exit_code == 0
    assert "new.txt, all: 15 characters" in result.stdout
    said = re.sub(r"\s+", " ", result.stdout)
    assert "2 of the 17 characters of new.txt are not among" in said
    assert f"'Ä' (2); the first is at line 1, column 6. {done}" in said


def test_a_fit_says_how_labelled_files_were_split(command: Command, here: Path) -> None:
    (here / "clips").mkdir()
    for digit in "01":
        for speaker in ("ann", "bob", "cem", "dora"):
            pitch = np.sin(np.arange(800) * (0.1 + 0.2 * int(digit)))
            write_wav(here / "clips" / f"{digit}_{speaker}_1.wav", 0.5 * pitch, 4000)
    fit = "fit clips --labels --hidden 2 --steps 2 --quiet"
    grouped = command(f"{fit} --group '*_{{speaker}}_*' --out grouped")
    assert grouped.exit_code == 0
    assert re.search(r"Split by speaker: 2 train, 1 validation, 1 test \(\w+\).", grouped.stdout)
    again = command("score grouped")
    assert again.stdout in grouped.stdout
    assert json.loads((here / "grouped" / "score.json").read_text())["split"].startswith("by speaker: 2 train")
    new = here / "new"
    new.mkdir()
    for digit in "01":
        shutil.copy(here / "clips" / f"{digit}_ann_1.wav", new / f"{digit}_.wav")  # new data needs no groups
    assert command("score grouped new").exit_code == 0
