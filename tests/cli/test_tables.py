"""Tables at the command line: options reach the reader, are kept by the run, and new data is read by them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests.cli.conftest import Command

N = 60
DAYS = pd.date_range("2024-01-01", periods=N)


def table(seed: int) -> pd.DataFrame:
    """Two series, one below the other, with days first, decimal commas, and a name that holds a comma."""
    x = np.random.default_rng(seed).normal(1500, 10, 2 * N)
    price = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in x]
    days = np.tile(DAYS.strftime("%d/%m/%y"), 2)
    return pd.DataFrame({"shop": np.repeat(["A", "B"], N), "day": days, "Price, EUR": price, "n": range(2 * N)})


OPTIONS = """fit shops.csv --model ar --window 2 --date day --date-format %d/%m/%y --series B --thousands .
             --columns '"Price, EUR"' --out run"""


def test_a_run_keeps_how_its_table_was_read(here: Path, command: Command) -> None:
    table(0).to_csv(here / "shops.csv", index=False, sep=";")
    table(1).to_csv(here / "new.csv.gz", index=False, sep=";")
    result = command(OPTIONS)
    assert result.exit_code == 0, result.stderr
    config = json.loads((here / "run" / "config.json").read_text())
    assert config["data"]["columns"] == ["Price, EUR"]
    assert {key: config["reading"][key] for key in ("series", "date", "thousands", "date_format")} == {
        "series": "B",
        "date": ["day"],
        "thousands": ".",
        "date_format": "%d/%m/%y",
    }
    for line in ("score run", "score run new.csv.gz", "forecast run --horizon 3"):
        result = command(line)
        assert result.exit_code == 0, result.stderr
    assert "2024-03-01" in result.stdout


def test_refusals_of_tables_end_with_2_and_the_flags_to_give(here: Path, command: Command) -> None:
    frame = table(0).assign(day=np.tile(DAYS.strftime("%Y-%m-%d"), 2))
    frame.to_csv(here / "shops.csv", index=False)
    (here / "README.md").write_text("tables of shops")
    for line, said in {
        "fit .": "A table is read from one file: name it, for example shops.csv",
        "fit shops.csv": "Choose one with --series, for example --series A",
        "compare shops.csv": "Choose one with --series, for example --series A",
        "fit shops.csv --series A --columns Price": "give it as --columns '\"Price, EUR\"'",
        "fit shops.csv --sheet A": "--sheet A does not apply to shops.csv, a CSV file",
        "fit README.md --series A": "--series A applies to tables, but README.md is read as text",
    }.items():
        result = command(line)
        assert result.exit_code == 2, line
        assert said in " ".join(result.stderr.split())
