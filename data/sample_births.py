"""A generated series of daily births in the format of DataMarket's CSV (header line, quoted dates, footer).

Not real data: a weekly and a yearly cycle, a slow drift, quiet holidays and noise, so that the scripts have something to do.
"""

import datetime
import os

import numpy as np

FILE_NAME = "number-of-daily-births-in-quebec.csv"
_WEEK = (6.0, 24.0, 22.0, 27.0, 23.0, -44.0, -58.0)  # Monday to Sunday


def generate(folder, seed=0, days=400):
    """Writes ``days`` generated days from 1 January 1977 on, deterministic by ``seed``."""
    generator = np.random.RandomState(seed)
    first = datetime.date(1977, 1, 1)
    drift = np.cumsum(generator.normal(0.0, 0.4, days))
    rows = []
    for day in range(days):
        date = first + datetime.timedelta(days=day)
        year = 12.0 * np.sin(2.0 * np.pi * (date.timetuple().tm_yday - 60) / 365.25)
        quiet = -45.0 if (date.month, date.day) in ((1, 1), (6, 24), (12, 25)) else 0.0
        value = 250.0 + drift[day] + _WEEK[date.weekday()] + year + quiet + generator.normal(0.0, 16.0)
        rows.append('"%s",%d' % (date.isoformat(), max(1, int(round(value)))))
    title = "Number of daily births (GENERATED SAMPLE, not the Quebec series)"
    text = '"Date","%s"\n' % title + "".join(row + "\r\n" for row in rows) + "\r\n%s\r\n\r\n" % title
    with open(os.path.join(folder, FILE_NAME), "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
