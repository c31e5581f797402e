"""Forecast a series of your own: any regular step, with its error on a hold-out beside the seasonal naive's.

    python ch09_tfts_births/beyond/forecast.py --csv sales.csv --value-column sold --steps 14 --holidays DE

The step (hour, day, business day, week, month …) is found from the dates, the cycles follow from it, a straight line is
taken out first. The model is fitted on all but the last values and mixed with the seasonal naive in the shares that were best
before them; on them the forecasts are compared with the seasonal naive's, and the bands are widened or narrowed to what they
had to be there (conformal). Then the model reads on to the end and forecasts.

Reads   --csv FILE, or the births.
Writes  output/tfts_births/own-<file>[-<column>]/ (or --output-dir): forecast.csv, forecast.png, a record, a folder of the model.
Time    one to some minutes; a fit is taken up by the next forecast of the same series. One that has grown, or another --steps
        where it moves the hold-out, is fitted anew in a folder beside; older ones may be removed.
"""

import os

import numpy as np
import pandas as pd

from ch09_tfts_births.beyond import calendar_days, fitting, series, time_step
from common import options, plotting, records, run, text
from common.errors import UserError
from common.plotting import plt

STEPS = {"second": 60, "minute": 60, "hour": 48, "day": 28, "business day": 20, "week": 13, "month": 12}
MOST_STATE = 5e7  # values x state size squared that the filter may keep: 400 MB
LARGEST_STATE = 150
HORIZONS = (1, 7, 28)
ORIGINS = 60  # forecasts in the hold-out, about

VALUES = [
    options.Value(
        "steps",
        None,
        "steps to forecast (none: by the step; a day: 28)",
        kind=int,
        low=1,
        high=5000,
        tiny=7,
        fixed=False,
    ),
    options.Value("holidays", None, "country whose holidays count, e.g. DE, CN, CA-QC (daily series)", kind=str),
    options.Value(
        "periodicities", [], "lengths of its cycles in steps (none: by the step)", kind=float, low=2, high=100000
    ),
    options.Value(
        "cycle_num_latent_values", [], "latent values of each cycle, odd (none: they follow)", kind=int, low=3, high=59
    ),
    options.Value("train_steps", 300, "training steps", tiny=10, low=1, high=1000000, fixed=False, more=True),
    options.Value("batch_size", 16, "windows in a batch", tiny=4, low=1, high=1024, more=True),
    options.Value("window_size", 64, "steps in a window", tiny=16, low=2, high=5000, more=True),
    options.Value(
        "holdout", None, "last values, on which the error is measured (none: by length)", kind=int, low=2, more=True
    ),
]


def own_setting(opts, step, last, holidays):
    """The cycles that the reader asks for, or those that a series of this step usually has.

    Args:
      last: values that are fitted; a cycle found by the step needs two of its lengths among them.
      holidays: ``[values, kinds]`` or None.
    """
    cycles = [int(cycle) if float(cycle).is_integer() else cycle for cycle in opts.periodicities]
    cycles = cycles or [cycle for cycle in step.cycles if 2 * cycle <= last]
    latent = opts.cycle_num_latent_values or [fitting.latent_values_of(cycle) for cycle in cycles]
    if any(number % 2 == 0 for number in latent):
        raise UserError("--cycle-num-latent-values %s: TFTS takes odd numbers" % " ".join(map(str, latent)))
    if len(latent) == 1:
        latent = latent * len(cycles)
    if len(latent) != len(cycles):
        raise UserError(
            "--cycle-num-latent-values has %d numbers for %d cycles: give one, or as many" % (len(latent), len(cycles))
        )
    if sum(latent) > LARGEST_STATE:
        raise UserError("%d latent values together, at most %d" % (sum(latent), LARGEST_STATE))
    kinds = 0 if holidays is None else holidays.shape[1]
    model = "cycles %s, latent values %s, holidays %s (%d)" % (cycles, latent, opts.holidays, kinds)
    return fitting.Setting("model", cycles, latent, holidays, model)


def shorten(data, setting_size):
    """The series without its oldest values where the filter's states of all of them would not fit into memory."""
    most = max(500, int(MOST_STATE / setting_size**2))
    if len(data.values) <= most:
        return data
    data.notes.append("the last %d of %d values are used" % (most, len(data.values)))
    print("note: %s" % data.notes[-1])
    return data._replace(times=data.times[-most:], values=data.values[-most:], real=data.real[-most:])


def count_fitted(opts, count, steps):
    """How many of ``count`` values are fitted; the others are the hold-out.

    Raises:
      UserError: too few are left.
    """
    holdout = opts.holdout or max(min(count // 5, 4 * max(steps, 7) + ORIGINS), count // 10)
    if count - holdout < 12:
        raise UserError("%d values are too few for a hold-out of %d (--holdout)" % (count, holdout))
    return count - holdout


def known_part(values, last, count):
    """What is taken out first: the straight line through the first ``last`` values, continued to ``count``."""
    return np.polyval(np.polyfit(np.arange(last), values[:last], 1), np.arange(count))


def verdict(own, naive, season):
    """One line: who errs less on the hold-out, and by how much."""
    words = "the seasonal naive (season %d)" % season if season > 1 else "repeating the last value"
    if own < 0.995 * naive:
        return "the forecast wins: it errs %.0f %% less than %s" % (100 * (1 - own / naive), words)
    if naive == 0:
        return "%s wins: the series repeats itself exactly" % words
    if own < 1.005 * naive:  # the mixture may be the seasonal naive alone
        return "nobody wins: the forecast errs as much as %s" % words
    return "%s wins: the forecast errs %.0f %% more; take it with care" % (words, 100 * (own / naive - 1))


def written(columns, deviation):
    """Columns of numbers as text, with the decimals that show three digits of ``deviation``: none is lost of 1234567 ± 0.5."""
    places = int(np.clip(2 - np.floor(np.log10(max(deviation, 1e-300))), 0, 20))
    return [["%.*f" % (places, value) for value in column] for column in columns]


def plot_forecast(data, shown, ahead, mean, lower, upper, hold, path):
    """The last values with the dates of the series, the last hold-out forecast, and the forecast with its 95 % band.

    Args:
      shown: how many observed values; ``hold``: (times, mean) of a forecast within them.
    """
    pd.plotting.register_matplotlib_converters()
    figure, axes = plt.subplots(figsize=(10, 4.5))
    axes.plot(data.times[-shown:], data.truth[-shown:], "b", marker=".", linewidth=0.8, label="observed")
    if not data.real[-shown:].all():
        filled = np.where(data.real, np.nan, data.values)[-shown:]
        axes.plot(data.times[-shown:], filled, "C1", linestyle="", marker=".", markersize=4, label="filled")
    axes.plot(*hold, "0.5", linewidth=1.0, label="forecast of the hold-out")
    axes.plot(ahead, mean, "r", label="forecast")
    axes.fill_between(ahead, lower, upper, color="grey", alpha=0.2, label="95 % band")
    axes.axvline(data.times[-1], color="k", linestyle="--")
    axes.set(
        title="%s: forecast of %d steps" % (data.name, len(ahead)),
        xlabel="time (%s)" % data.zone if data.zone else "time",
        ylabel=data.column or "value",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small")  # beside: hides no part of the band
    figure.autofmt_xdate()
    return plotting.save_figure(figure, path, keep=[data.column])


def run_folder(opts):
    """Name of the run's folder: the file's, or that of the births at this preset."""
    return ("own-births-" if opts.csv is None else "") + series.run_folder(opts)


def main(argv=None):
    """Fits, measures, widens the bands, forecasts."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv, series.add_arguments, folder=run_folder)
    run.start(opts.seed)
    data = series.load(opts, at_least=24)
    steps = opts.steps or max(1, STEPS[data.step.unit] // data.step.count)
    setting = own_setting(opts, data.step, count_fitted(opts, len(data.values), steps), None)
    data = shorten(data, sum(setting.latent_values) + 7)
    count = len(data.values)
    last = count_fitted(opts, count, steps)  # of the values that are used, and so are the cycles that fit into them
    setting, holdout = own_setting(opts, data.step, last, None), count - last
    opts.window_size = min(opts.window_size, last // 2)
    ahead = data.times_after(steps)
    if opts.holidays is not None:
        if data.step != time_step.Step("day", 1):
            raise UserError("--holidays is for series of days; the step of this one is %s" % data.step.words)
        names, table = calendar_days.of_country(
            np.concatenate([data.days, ahead.astype("datetime64[D]")]), opts.holidays, last
        )
        print("holidays: %s" % ", ".join(names))
        setting = own_setting(opts, data.step, last, table)
    setting = setting._replace(name=fitting.own_name(setting.name, data.values[:last]))
    cycles = ", ".join("%g" % cycle for cycle in setting.periodicities) or "none"
    print("step: %s; cycles: %s; the last %d of %d values are held out" % (data.step.words, cycles, holdout, count))

    record = records.Record(opts, opts.script, "section 9.7 (own series)", data.description)
    horizon = min(steps, holdout)  # as far as an error can be measured
    every = max(1, (holdout - horizon) // ORIGINS)
    truth = data.truth  # a value that was filled is neither an error nor a hit
    origins = fitting.make_origins(count, holdout, horizon, every, data.real)
    known = known_part(data.values, last, count + steps)
    rest = data.values - known[:count]
    season = fitting.best_season(data.values, last, data.step.cycles + list(setting.periodicities), horizon, truth)
    earlier = np.arange(max(last // 2, season, last - holdout), last - horizon + 1, every)  # to find the shares on
    earlier = fitting.after_real(earlier, data.real[:last], horizon) if len(earlier) else earlier
    every_origin = np.concatenate([earlier, origins, [count]])
    estimator, _, features = fitting.fit_structural(setting, opts, rest, last, every_origin)
    mean, deviation = fitting.forecasts(estimator, rest, features, every_origin, steps)
    mean += known[every_origin[:, None] + np.arange(steps)]
    naive, _ = fitting.seasonal_naive(data.values, every_origin, steps, last, season, truth)
    shares = np.ones(steps)
    if len(earlier) >= 4:
        found = slice(0, len(earlier)), slice(0, horizon)
        shares[:horizon] = fitting.best_shares(truth, earlier, mean[found], naive[found])
        shares[horizon:] = shares[horizon - 1]
    alone, mean = mean, shares * mean + (1.0 - shares) * naive
    judged = slice(len(earlier), -1), slice(0, horizon)
    held, held_deviation, observed = mean[judged], deviation[judged], fitting.observed(truth, origins, horizon)
    if np.isnan(observed).all():
        raise UserError("the last %d values are all filled: nothing to judge a forecast by (--holdout)" % holdout)
    scores = fitting.scores(truth, origins, held, held_deviation, last, season)
    naive_mae, alone_mae = (fitting.mean_of(np.abs(observed - other[judged])) for other in (naive, alone))
    only_real = ""
    if not data.real.all():
        only_real = "judged by the %d values of the hold-out that are in the file" % data.real[origins[0] :].sum()
        print(only_real)
        data.notes.append(only_real)
    said = verdict(scores["MAE"], naive_mae, season)
    print("TFTS and the seasonal naive are mixed; TFTS's share: %.1f to %.1f" % (shares.min(), shares.max()))
    print(
        "error on the hold-out (%d forecasts of %d steps): %s; TFTS alone %s; seasonal naive (season %d) %s"
        % (
            (len(origins), horizon, text.number(scores["MAE"], 4), text.number(alone_mae, 4))
            + (season, text.number(naive_mae, 4))
        )
    )
    print(said)

    horizons = sorted({step for step in HORIZONS if step < horizon} | {horizon})
    half = len(origins) // 2
    columns, rows = ["95 % band"] + ["%d step%s ahead" % (step, "" if step == 1 else "s") for step in horizons], []
    if half >= 2:
        earlier_half = truth, origins[:half], held[:half], held_deviation[:half]
        for name, widened in (
            ("TFTS's own", 1.0),
            ("widened", fitting.conformal_factors(*earlier_half)),
            ("widened or narrowed", fitting.conformal_factors(*earlier_half, narrow=True)),
        ):
            shares = fitting.coverage(truth, origins[half:], held[half:], held_deviation[half:], horizons, widened)
            rows.append([name] + shares)
        print("values in the band, later half of the hold-out (%):")
        print(pd.DataFrame(rows, columns=columns).to_string(index=False))
        note = (
            "%d forecasts are judged; the band is fitted to what the %d before them showed, as that of the forecast is to all."
            % (
                len(origins) - half,
                half,
            )
        )
        record.table("Coverage on the later half of the hold-out (%)", columns, rows, note=note)
    factors = fitting.conformal_factors(truth, origins, held, held_deviation, narrow=True)
    factors = np.concatenate([factors, np.full(steps - horizon, factors[-1])])
    width = 1.96 * factors * deviation[-1]
    print("the band of the forecast is %.2f to %.2f times TFTS's own" % (factors.min(), factors.max()))

    columns = ["date", "mean", "standard_deviation", "lower_95", "upper_95", "seasonal_naive"]
    lower, upper = mean[-1] - width, mean[-1] + width
    if np.nanmin(truth) >= 0 and lower.min() < 0:
        lower = np.maximum(lower, np.minimum(mean[-1], 0.0))
        data.notes.append("no value is below 0: the band is cut off there")
        print("note: %s" % data.notes[-1])
    finest = min(deviation[-1].min(), width.min() / 1.96 or np.inf)  # 0: a series that repeats itself exactly
    figures = written([mean[-1], deviation[-1], lower, upper, naive[-1]], finest)
    rows = [list(row) for row in zip(time_step.shown(ahead, data.zone), *figures)]
    path = text.write_csv(os.path.join(opts.output_dir, "forecast.csv"), [columns] + rows)
    for row in [columns] + rows[:14]:
        print("  ".join("%-18s" % cell for cell in row).rstrip())
    if steps > 14:
        print("… and %d more in %s" % (steps - 14, path))
    hold = data.times[origins[-1] : origins[-1] + horizon], held[-1]
    shown = min(count, 3 * max(steps, horizon) + horizon)
    figure_path = plot_forecast(
        data, shown, ahead, mean[-1], lower, upper, hold, os.path.join(opts.output_dir, "forecast.png")
    )
    print("figure: %s" % figure_path)
    for name in ("MAE", "RMSE", "MASE"):
        if np.isfinite(scores[name]):
            record.metric(name, float("%.5g" % scores[name]), note=only_real)
    record.metric("MAE of TFTS alone", float("%.5g" % alone_mae))
    record.metric("MAE of the seasonal naive", float("%.5g" % naive_mae), note=said)
    record.metric("within 95 % (TFTS's own band)", round(float(scores["within 95 %"]), 1), unit="%")
    record.metric("season of the seasonal naive", season)
    record.metric("horizon", horizon, note="steps a forecast of the hold-out")
    note = " (tiny run: shows that it runs, not how well)" if opts.preset == "tiny" else ""
    record.file(figure_path, "picture", "%s: forecast with its 95 %% band%s" % (data.name, note), "预测与 95% 区间")
    record.file(path, "table", "The forecast with dates" + note, "带日期的预测表")
    record.content["notes"] = data.notes
    record.save()


if __name__ == "__main__":
    options.run(main)
