"""The forecaster on series of several kinds, with several seeds: does it beat the seasonal naive where nothing was tuned?

Four series are made (daily hires, an hourly load curve, weekly visits, quarterly sales with drift); four come with
statsmodels: the monthly CO2 of Mauna Loa, the monthly temperature of the sea where El Niño is seen, the yearly sunspots, the
quarterly GDP of the United States. Each goes through beyond/forecast.py as a reader's own file would.

Writes  output/tfts_births/kinds-<preset>/: the CSV files, a run folder a series and seed, kinds.csv, a record.
Time    a minute or two a series and seed.
"""

import os

import numpy as np
import pandas as pd

from ch09_tfts_births.beyond import forecast
from common import files, options, records, run, text

KINDS = ("hires", "co2", "load", "visits", "sales", "elnino", "sunspots", "gdp")
VALUES = [
    options.Value("kinds", list(KINDS), "which series", choices=KINDS, tiny=["sales"], fixed=False),
    options.Value("runs", 3, "seeds, from --seed on", tiny=1, low=1, high=100, fixed=False),
]
COLUMNS = ["series", "step", "horizon", "MAE", "spread of the seeds", "TFTS alone", "seasonal naive", "season", "MASE"]
COLUMNS += ["within 95 % (%)", "widened, 1 step ahead (%)", "widened, last step (%)"]


def make(kind: str, folder: str) -> str:
    """Writes one of ``KINDS`` as CSV; the same at each call."""
    random = np.random.RandomState(KINDS.index(kind))
    if kind == "hires":  # a day: week, year, growth
        days = pd.date_range("2019-01-01", periods=1400)
        week = np.array([40, 50, 45, 50, 90, -60, -120])[days.dayofweek]
        year = 120 * np.sin(2 * np.pi * (np.array(days.dayofyear) - 100) / 365.25)
        values = np.maximum(0, 300 + 0.15 * np.arange(1400) + week + year + random.normal(0, 25, 1400)).round()
        times = days.strftime("%Y-%m-%d")
    elif kind == "co2":  # a month: year and drift
        from statsmodels.datasets import co2

        monthly = co2.load_pandas().data.co2.resample("MS").mean().interpolate()["1960":]
        times, values = monthly.index.strftime("%Y-%m"), monthly.values.round(2)
    elif kind == "load":  # an hour: two peaks on working days, one at weekends, weather
        hours = pd.date_range("2021-01-01", periods=24 * 120, freq="H")
        hour, weekend = np.array(hours.hour), np.array(hours.dayofweek) >= 5
        working = 30 * np.exp(-(((hour - 9) / 3.0) ** 2)) + 38 * np.exp(-(((hour - 19) / 2.5) ** 2))
        free = 18 * np.exp(-(((hour - 12) / 5.0) ** 2)) + 25 * np.exp(-(((hour - 20) / 3.0) ** 2)) - 8
        weather, noise = np.zeros(len(hours)), random.normal(0, 1.5, len(hours))
        for index in range(1, len(hours)):
            weather[index] = 0.9 * weather[index - 1] + noise[index]
        values = (100 + np.where(weekend, free, working) + weather).round(2)
        times = hours.strftime("%Y-%m-%dT%H:%M")
    elif kind == "visits":  # a week: year and a random walk
        weeks = pd.date_range("2012-01-01", periods=420, freq="W")
        year = 150 * np.cos(2 * np.pi * (np.array(weeks.dayofyear) - 20) / 365.25)
        values = (1000 + np.cumsum(random.normal(0.5, 4, 420)) + year + random.normal(0, 20, 420)).round()
        times = weeks.strftime("%d.%m.%Y")
    elif kind == "elnino":  # a month: year, and warm years that nobody foresees
        from statsmodels.datasets import elnino

        table = elnino.load_pandas().data
        times = ["%d-%02d" % (year, month) for year in table["YEAR"] for month in range(1, 13)]
        values = table.drop(columns="YEAR").values.reshape(-1)
    elif kind == "sunspots":  # a year: eleven of them, more or less
        from statsmodels.datasets import sunspots

        table = sunspots.load_pandas().data
        times, values = ["%d" % year for year in table["YEAR"]], table["SUNACTIVITY"].values
    elif kind == "gdp":  # a quarter: growth without a season, and the year 2009
        from statsmodels.datasets import macrodata

        table = macrodata.load_pandas().data
        times = ["%dQ%d" % pair for pair in zip(table["year"], table["quarter"])]
        values = table["realgdp"].values
    else:  # a quarter: season and drift
        level = np.cumsum(random.normal(1.0, 2.0, 100))
        season = np.array([-15, 5, 2, 20])[np.arange(100) % 4]
        values = (200 + level + season + random.normal(0, 3, 100)).round(1)
        times = ["%dQ%d" % (1995 + index // 4, index % 4 + 1) for index in range(100)]
    rows = [["time", kind]] + [list(row) for row in zip(times, values.tolist())]
    return text.write_csv(os.path.join(folder, kind + ".csv"), rows)


def main(argv=None):
    """Forecasts each series with each seed, tabulates what was recorded."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv, folder="kinds-{preset}")
    rows = []
    for kind in opts.kinds:
        found = []
        for seed in range(opts.seed, opts.seed + opts.runs):
            print("--- %s, seed %d" % (kind, seed), flush=True)
            folder = os.path.join(opts.output_dir, "%s-%d" % (kind, seed))
            words = ["--csv", make(kind, opts.output_dir), "--output-dir", folder, "--seed", str(seed)]
            words += ["--threads", str(opts.threads)] + (["--preset", "tiny"] if opts.preset == "tiny" else [])
            forecast.main(words)
            found.append(files.read_json(os.path.join(folder, "record-forecast.json")))
        figures = [{name: entry["value"] for name, entry in record["metrics"].items()} for record in found]
        mean = {name: float(np.mean([item[name] for item in figures])) for name in figures[0]}
        spread = float(np.std([item["MAE"] for item in figures]))
        row = [kind, found[0]["data"].split(", ")[2].replace(" apart", ""), int(mean["horizon"]), mean["MAE"], spread]
        row += [
            mean["MAE of TFTS alone"],
            mean["MAE of the seasonal naive"],
            int(mean["season of the seasonal naive"]),
            mean["MASE"],
        ]
        widened = [record["tables"][0]["rows"][1][1:] for record in found]  # of the coverage table: a share a horizon
        row += [mean["within 95 % (TFTS's own band)"]]
        row += [float(np.mean([shares[place] for shares in widened])) for place in (0, -1)]
        rows.append([text.number(cell, 4) for cell in row])
    run.start(opts.seed)
    record = records.Record(
        opts, opts.script, "section 9.7 (own series)", "made series, and series that come with statsmodels"
    )
    print(pd.DataFrame(rows, columns=COLUMNS).to_string(index=False))
    path = text.write_csv(os.path.join(opts.output_dir, "kinds.csv"), [COLUMNS] + rows)
    note = (
        "Errors on the last fifth or less, which no fit saw; default settings, means of %d seeds. Widened: the band's share "
        "of the later half of these forecasts, widened by what the earlier half showed." % opts.runs
    )
    record.table("Series of other kinds", COLUMNS, rows, note=note)
    record.file(
        path, "table", "Series of other kinds: TFTS and seasonal naive", "其他类型的序列：TFTS 与季节性朴素预测"
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
