"""Bad input: one message that names what was wrong and how to mend it, exit code 2, nothing written."""

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.runs.cases import ar1, daily, text, write_csv

BLANKS = "date,Price\n" + "".join(f"{1900 + i}-01-01,{'' if i in (4, 7) else i % 5 + 1}\n" for i in range(80))


@pytest.fixture
def sources(here: Path) -> Path:
    """Files that are wrong in one way each."""
    (here / "empty.txt").write_text("")
    (here / "empty.csv").write_text("")
    (here / "short.txt").write_text("hello")
    (here / "latin.txt").write_bytes("café ".encode("latin-1") * 100)
    (here / "blanks.csv").write_text(BLANKS)
    (here / "short.csv").write_text(BLANKS[:60])
    (here / "words.csv").write_text("date,Price,note\n" + "".join(f"{1900 + i}-01-01,{i},x\n" for i in range(30)))
    write_csv(here / "constant.csv", ar1(60) * 0 + 5, daily(60))
    write_csv(here / "negative.csv", ar1(60) - 50, daily(60))
    (here / "good.txt").write_text(text(400))
    (here / "file").write_text("mine")
    (here / "foreign").mkdir()
    (here / "foreign" / "thesis.txt").write_text("mine")
    return here


FIT = [
    ("fit", "Missing argument 'DATA'"),
    ("fit nothing.txt", "no file, folder or built-in data 'nothing.txt'"),
    ("fit sunspot", "Did you mean 'sunspots'?"),
    ("fit empty.txt", "empty.txt is empty"),
    ("fit empty.csv", "empty.csv is empty"),
    ("fit short.txt", "short.txt has 5 characters, and a window of 64 needs at least 83"),
    ("fit short.csv --window 8 --fill forward", r"steps, and a window of 8 needs at least 13"),
    ("fit latin.txt", r"latin.txt is not utf-8 text: byte 3 \(line 1\) is 0xe9.*--encoding latin-1"),
    ("fit latin.txt --encoding klingon", "encoding is 'klingon'"),
    ("fit words.csv --columns Prise", "no column 'Prise'; it has date, Price, note. Did you mean 'Price'?"),
    ("fit words.csv --columns note", r"column 'note' of words.csv is not numeric: lines 2, 3, 4, 5, 6 and 25 more"),
    ("fit words.csv --date Pricy", "no column 'Pricy'"),
    ("fit blanks.csv", r"2 missing values in Price, at lines 6, 9\. Give --fill forward"),
    ("fit blanks.csv --fill guess", "fill is 'guess'; expected one of forward, linear, drop"),
    ("fit negative.csv --transform log-return", r"log-return needs positive values; negative.csv has .* at lines 2"),
    ("fit constant.csv --model ar", r"column '\w+' of constant.csv cannot be scaled: .* are all 5"),
    ("fit negative.csv --transform log", "transform is 'log'.*expected one of"),
    ("fit good.txt --model gruu", "model is 'gruu'; expected one of ar, mlp, conv, rnn, .*Did you mean 'gru'"),
    ("fit good.txt --unit byte", "Did you mean 'bytes'"),
    ("fit good.txt --fill forward", "--fill forward applies to tables, but good.txt is read as text"),
    ("fit good.txt --hidden many", r"Invalid value for '--hidden'"),
    ("fit good.txt --steps 2 --minutes 1", "--minutes or --steps, not both"),
    ("fit good.txt --seed -1", "--seed is -1; expected a whole number from 0"),
    ("fit good.txt --nonsense", "No such option"),
    ("fit good.txt --tbptt 8,4", "k2 is 4 and k1 is 8: .* for example k1=4, k2=8"),
    ("fit good.txt --tbptt sometimes", "tbptt is 'sometimes'; expected steps such as 64, a pair k1,k2"),
    ("fit good.txt --tbptt 8 --bptt full", "give --tbptt or --bptt, not both"),
    ("fit good.txt --bptt ful", "bptt is 'ful'; expected one of truncated, full, auto. Did you mean 'full'"),
    ("fit good.txt --memory 1MB", "--memory limits the full gradient alone: add --bptt full"),
    ("fit good.txt --bptt full --memory 12parsecs", "memory is '12parsecs'; expected a size such as 256MB"),
    (
        "fit good.txt --hidden 8 --bptt full --memory 1kB",
        r"too small for one step of this model .* takes about [\d,]+",
    ),
    ("fit good.txt --bptt full --random-windows", "--bptt full has no windows"),
    ("fit good.txt --tbptt 4,8 --random-windows", "--random-windows needs k1 = k2"),
    ("fit good.txt --model conv --layer-norm", "--layer-norm applies to rnn, gru, lstm.*, not to conv"),
    ("fit good.txt --model conv --learned-start", "--learned-start applies to rnn, gru, lstm.*, not to conv"),
    ("fit good.txt --average 1", "average is 1.0; expected a number of at least 0 and below 1"),
    ("fit good.txt --accumulate 0", "accumulate is 0"),
    ("fit digits --group folder", "--group folder does not apply to the built-in set digits"),
    ("fit tone --group folder", "--group folder does not apply to the built-in set tone"),
    ("fit sunspots --group folder", "--group folder applies to sound and images, but sunspots is read as a table"),
    ("fit digits --group 2", "--group 2 has no name in braces. Expected --group folder, or a pattern"),
    ("fit english --encoding punycode", "'punycode', which is not an encoding of text files"),
    ("fit digits --tbptt 4", "--tbptt 4 applies to text, sound, series and panels, not to images"),
    (
        "fit blanks.csv --fill forward --state-dropout 0.1",
        "--state-dropout 0.1 applies to text and sound, not to series",
    ),
    ("fit blanks.csv --fill forward --model ar --tbptt 4", "solved exactly, .* Leave out --tbptt"),
    (
        "fit blanks.csv --fill forward --model ar --average 0.9 --random-windows",
        "out --average, --random-windows",
    ),
    ("fit blanks.csv --fill forward --shuffle", "--shuffle applies to text and sound, not to series"),
    ("fit good.txt --shuffle", "shuffle draws an order of documents, and there is only one"),
    ("fit good.txt --bptt full --state-dropout 0.1", "the full gradient has no windows"),
    ("fit good.txt --hidden 100000000 --steps 1", "hidden is 100,000,000: the lstm of good.txt .* At most about"),
    ("fit good.txt --hidden 10000000000 --steps 1", "hidden is 10000000000; expected .* at most 100,000,000"),
    ("fit good.txt --layers 1000000000 --steps 1", "layers is 1000000000; expected .* at most 1,000"),
    ("fit good.txt --learning-rate 1e400 --steps 1", "--learning-rate is inf; expected a number above 0 and below"),
    ("fit good.txt --accumulate 100000000000 --steps 1", "accumulate is 100000000000; expected"),
    ("fit good.txt --out file", "file exists, and a run overwrites nothing"),
    ("fit good.txt --out foreign", "foreign exists, and a run overwrites nothing"),
    ("fit good.txt --hidden 8 --out file/run", "file/run cannot be made: file is a file"),
    ("fit good.txt --out foreign --resume", "foreign is not a run's folder: it has no config.json"),
    (
        "fit sunspots --model ar --learning-rate 0.5 --clip 0.001 --batch 7",
        "Leave out --learning-rate, --batch, --clip",
    ),
    ("fit sunspots --model ar --seed 3", "solved exactly, .* Leave out --seed"),
    ("fit english --encoding latin-1", "--encoding latin-1 does not apply to the built-in set english"),
    ("fit digits --labels", "--labels applies to sound, but digits is read as images"),
    ("fit digits --window 5", "--window 5 applies to text, sound, series, panels and labelled sound, not to images"),
    ("compare sunspots --models ar --clip 2", "solved exactly, .* Leave out --clip"),
    ("compare good.txt --models ar,conv --layer-norm", "--layer-norm applies to rnn, gru, lstm.*, not to ar"),
    ("compare good.txt --models ar,gruu", "models must be different ones of"),
    ("compare digits", "compare is for sequences"),
    ("data sunspot --out x.csv", "Did you mean 'sunspots'"),
    ("data sunspots", "give --out with sunspots"),
    ("data sunspot", "there is no built-in set 'sunspot'.* Did you mean 'sunspots'"),
    ("data --out x.csv", "--out is x.csv: give the NAME of the built-in set"),
    ("data sunspots --out no/x.csv", "there is no folder no. Make it first"),
    ("data sunspots --out file/x.csv", "file is a file. Choose another place"),
    ("fit good.txt --hidden 8 --out ''", r"\. is the folder that you are in, .* --out, such as runs/first"),
    ("compare good.txt --out foreign", "foreign holds other files, and a comparison has a folder of its own"),
    ("data sunspots --out x.csv --json", "--json is for the list of the sets"),
    ("data sunspots --out file", "file exists and is not overwritten"),
]


@pytest.mark.parametrize(("line", "message"), FIT)
def test_what_cannot_be_fitted(line: str, message: str, command: Command, sources: Path) -> None:
    before = sorted(sources.rglob("*"))
    result = command(line)
    assert result.exit_code == 2
    assert result.stdout == ""
    # Usage errors come in a box that wraps; the rest is one paragraph on one line.
    said = re.sub(r"[\s│]+", " ", result.stderr) if "Usage" in result.stderr else result.stderr
    assert re.search(message, said), said
    if "Usage" not in result.stderr:
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
    assert sorted(sources.rglob("*")) == before


USE = [
    ("score nowhere", "nowhere does not exist"),
    ("score file", "file is a file, not a run's folder"),
    ("score foreign", "foreign is not a run's folder: it has no config.json"),
    ("score {text} gone.txt", "no file, folder or built-in data 'gone.txt'"),
    ("score {text} sunspots", "the model takes characters, but sunspots is read as real values"),
    ("score {text} unseen.txt", r"3 of the 10 characters of unseen.txt are not among .* line 1, column 4"),
    ("score {text} unseen.txt", "To score the rest: --unknown skip, or --unknown replace"),
    ("score {text} unseen.txt --unknown drop", "unknown is 'drop'; expected one of skip, replace"),
    ("score {text} --unknown skip", "the run knows all of its own data"),
    ("score {series} --unknown skip", "cannot skip what is unknown, which is for characters"),
    ("score {digits} --unknown skip", "cannot skip what is unknown"),
    ("score {text} --context 0", "--context is 0; expected a whole number of at least 1"),
    ("score {series} --context 8", "cannot score by a context of 8, which is for symbols"),
    ("score {text} --shuffled 99999999999", "--shuffled is 99999999999; expected .* at most 1,000,000"),
    ("score {text} --adapt all", "adapt is 'all'; expected one of counts, weights, both"),
    ("score {series} --adapt weights", "cannot adapt weights while it scores, which is for symbols"),
    ("score {digits} english", "the model takes labelled examples"),
    ("sample {text} --prompt QQ", "2 of the 2 characters of the prompt"),
    ("sample {text} --prompt FILE:gone.txt", "gone.txt"),
    ("sample {text} --length 0", "at least 1, got 0"),
    ("sample {text} --temperature 0", "temperature must be above 0"),
    ("sample {text} --top-k 0", "must be from 1 to"),
    ("sample {text} --out x.csv", "--out is x.csv; expected a .txt file"),
    ("sample {text} --out no/x.txt", "there is no folder no. Make it first"),
    ("sample {series} --top-k 3", "--top-k 3 chooses among symbols; this model predicts real values"),
    ("sample {series} --prompt hello", "this run continues a file: give FILE:path"),
    ("sample {series} --prompt FILE:columns.csv", "columns.csv has no column 'a'"),
    ("look {digits} --steps 3", "cannot be inspected through time, over 3 steps"),
    ("look {digits} --at a,b", "--at is 'a,b'; expected a step, or the place of a cell"),
    ("look {digits} --at 9,9", r"index \(9, 9\) is outside"),
    (f"look {{digits}} --layer {'9' * 5000}", "layer.* is '9999"),
    ("look {digits} --layer 40", "layer.* is 40; expected the number or name of one: 0 stages.0"),
    ("look {digits} --layer 2 --at 1,1,1,1", "expected 3 ints"),
    ("look {digits} --example 999", "example.* is 999; expected a whole number of at least 0 and at most 178"),
    ("look {digits} --label 3", "--label is for new data"),
    ("look {digits} --score ten", "--score is 'ten'; expected one of the classes 0, 1"),
    ("look {digits} file", "cannot be read as an image"),
    ("look {text} --layer 1", "--layer is for classifiers of images and sound"),
    ("look {text} --score a", "--score.*, which is for images and labelled sound"),
    ("look {text} --at 3,4", "expected one step"),
    ("look conv --layer 3", "none of the options of runs"),
    ("look {series} --at 4", "--at and --unroll follow a state, but the model of .* has none"),
    ("look {text} --at 400", "--at is 400; expected a step from 0 to"),
    ("look {text} --steps 5000", "inspecting gradients needs 5,000 steps in a row, and the longest document has 120"),
    ("look {text} --kernel 3", "--kernel: only look conv takes these options"),
    ("look {text} --html page.txt", "--html is page.txt; expected a .html file"),
    ("look {text} --html foreign.html", "--html is foreign.html, which is a folder; expected a file"),
    ("look conv", "look conv needs --input and --kernel"),
    ("look conv --input 28x28 --kernel 3", "expected as many sizes in both"),
    ("look conv --input 28x28 --kernel 3", "--input is 28x28 and --kernel 3; expected"),
    ("look conv --input 28x28 --kernel 3x3 --stride 0x1", "--stride is 0x1; expected"),
    ("look conv --input 28x28 --kernel 3x3 --padding 9x9x9", "--padding is 9x9x9; expected"),
    ("look conv --input 28x28 --kernel 30x3", r"it covers 30x3 \(kernel 30x3, .* padded by 0\+0 by 0\+0\)"),
    ("look conv --input 28x28 --kernel 0x3", "a size of --kernel is 0; expected"),
    ("look conv --input 1x1x1x1 --kernel 1x1x1x1", "expected as many sizes in both, one to three"),
    ("look conv --x 1,0,2 --w 1,0 --stride 0x1", "--stride is 0x1; expected"),
    ("look conv --input 28x28 --kernel 3y3", "--kernel is '3y3'; expected whole numbers"),
    ("look conv --input 2 --kernel 9", "the kernel is larger than the padded input"),
    ("look conv --input 8 --kernel 3 --at 3", "look conv takes no DATA and none of the options of runs"),
    ("sample {digits}", "cannot sample.*It can score, classify, list mistakes"),
    ("sample {digits} --out x.txt --prompt x", "cannot sample"),
    ("forecast {text}", "cannot forecast.*It can score, sample or be inspected"),
    ("forecast {digits}", "cannot forecast"),
    ("forecast {series} --horizon 0", "--horizon is 0; expected a whole number of at least 1"),
    ("forecast {series} --quantiles 5,95", "a quantile is [59.]+0; expected a number above 0 and below 1"),
    ("forecast {series} --quantiles a,b", "--quantiles is 'a,b'; expected numbers like"),
    ("forecast {series} --plot x.foo", "--plot is x.foo; expected a .png file"),
    ("forecast {series} --plot no/x.png", "there is no folder no"),
    ("forecast {series} --out x.txt", "--out is x.txt; expected a .csv file"),
    ("backtest {text}", "cannot backtest"),
    ("backtest {series} --horizon 31", "horizon of 31 needs 31 held-out steps"),
    ("forecast {series} --quantiles .9,.1", "--quantiles is '.9,.1'; .* rising .* Give --quantiles 0.1,0.9"),
    ("forecast {series} --quantiles .1,.1", "expected rising levels, each once"),
    ("forecast {series} --paths 1", "--paths is 1; expected a whole number of at least 2"),
    ("backtest {series} --stride 0", "^error: --stride is 0; expected a whole number of at least 1. ?$"),
    ("backtest {series} --paths 1", "--paths is 1; expected"),
    ("look {digits} --example -1", "--example is -1; expected"),
    ("look {text} --steps 0", "--steps is 0; expected"),
    ("score {text} --unknown foo", "--unknown is 'foo'; expected one of skip, replace"),
    (
        "backtest {series} short.csv",
        "short.csv has 2 steps; at least 9 are needed: a season of 7 to read, and two to score",
    ),
    ("look {digits} --one-based", "and .* is a classifier, which is shown layer by layer"),
    ("look {digits} --k1 2", "and .* is a classifier, which is shown layer by layer"),
    ("classify {text} file", "cannot classify"),
    ("classify {digits} gone.png", "gone.png does not exist"),
    ("classify {digits} foreign", "foreign is a folder; name the files in it"),
    ("classify {digits} file", "cannot be read as an image"),
    ("classify {digits}", "Missing argument 'FILES"),
]


@pytest.mark.parametrize(("line", "message"), USE)
def test_what_a_run_cannot_be_asked(line: str, message: str, command: Command, runs: Path, here: Path) -> None:
    (here / "file").write_text("mine")
    (here / "foreign").mkdir()
    (here / "foreign.html").mkdir()
    (here / "unseen.txt").write_text("the\non Q é")
    (here / "columns.csv").write_text("date,b\n2000-01-01,1\n2000-01-02,2\n")
    write_csv(here / "short.csv", ar1(2))
    result = command(line.format(**{name: runs / name for name in ("text", "series", "digits")}))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.search(message, re.sub(r"[\s│]+", " ", result.stderr)), result.stderr


def broken(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b'{"format": 2', "config.json is not a config that chainrule wrote.*restore it from a copy"),
        ("config.json", None, "has no config.json"),
        ("best.safetensors", b"\x08\0\0\0\0\0\0\0{", "best.safetensors cannot be read as a checkpoint"),
        ("best.safetensors", None, "best.safetensors is missing"),
        ("series.safetensors", b"", "series.safetensors cannot be read"),
    ],
)
def test_a_broken_run_folder_is_named_with_the_file(
    name: str, content: bytes | None, message: str, command: Command, runs: Path, here: Path
) -> None:
    shutil.copytree(runs / "series", here / "run")
    broken(here / "run", name, content)
    result = command("score run")
    assert result.exit_code == 2
    assert re.search(message, result.stderr)


def test_weights_of_another_run(command: Command, runs: Path, here: Path) -> None:
    shutil.copytree(runs / "series", here / "run")
    shutil.copy(runs / "text" / "best.safetensors", here / "run" / "best.safetensors")
    result = command("score run")
    assert result.exit_code == 2
    assert "run/config.json and run/best.safetensors do not fit together" in result.stderr


def test_the_remedies_that_messages_name_work(command: Command, sources: Path) -> None:
    for line in (
        "fit latin.txt --encoding latin-1 --model ar --window 2 --steps 1 --quiet",
        "fit blanks.csv --fill forward --model ar --window 2 --quiet",
        "fit words.csv --columns Price --model mlp --hidden 2 --window 2 --steps 1 --quiet",
    ):
        assert command(line).exit_code == 0


def test_without_a_command_the_help_is_shown(command: Command) -> None:
    result = command("")
    assert "Commands" in result.output
    assert result.exit_code == 2
