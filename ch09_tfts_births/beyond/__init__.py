"""Beyond the text: a reader's own series, backtests against baselines, holidays, runs of several seeds."""
