"""``python -m data`` with other sources: ``fetching.py SOURCES ARGUMENT …``, for the faults that happen to it.

SOURCES is JSON: the data set's name → (sources as keywords, how many files of each kind make it complete); ``samples``: the
folder in whose ``data/samples`` samples are made.
"""

import json
import sys

from common import datasets, options
from data import __main__ as commands

if __name__ == "__main__":
    changes = json.loads(sys.argv.pop(1))
    datasets.REPOSITORY = changes.pop("samples", datasets.REPOSITORY)
    for name, (sources, counts) in changes.items():
        dataset = datasets.DATASETS[name]
        sources = tuple(source._replace(**keywords) for source, keywords in zip(dataset.sources, sources))
        files = tuple(item._replace(count=count) for item, count in zip(dataset.files, counts))
        datasets.DATASETS[name] = dataset._replace(sources=sources, files=files)
    options.run(commands.main)
