"""Section 9.7.7, first exercise, with another model: the one that knows the holidays; or on a series of your own.

Reads   the births, or any regular series: --csv FILE; preset tiny: a generated sample.
Writes  as ext_9_7_7a_anomalies.py, to output/tfts_births/<preset>/, or own-<file>[-<column>]/ with --csv; the fit is shared with
        beyond/backtest.py.
Time    some minutes (one fit), half a minute for tiny.
"""

from ch09_tfts_births import ext_9_7_7a_anomalies as exercise
from ch09_tfts_births.beyond import backtest, fitting, series
from common import options, records, run


def main(argv=None):
    """The exercise's search, with this model."""
    opts = options.parse_values(
        __file__, __doc__, exercise.VALUES, argv, series.add_arguments, folder=series.run_folder
    )
    run.start(opts.seed)
    data = series.load(opts)
    exercise.check_length(len(data.values), opts)
    record = records.Record(opts, opts.script, "section 9.7.7 (1)", data.description)
    record.content["notes"] = data.notes
    last = len(data.values) - opts.holdout_days
    own = opts.csv is not None
    if own:
        setting = backtest.own_setting(data.step, data.values[:last])
    else:
        setting = backtest.births_setting("week+year+holidays", data.days)
    estimator, _, features = fitting.fit_structural(setting, opts, data.values, last, [len(data.values) - 1])
    exercise.find_anomalies(opts, record, data.values, data.times if own else data.days, estimator, features, data.real)


if __name__ == "__main__":
    options.run(main)
