"""The exercise of section 9.6.7 (ext_9_6_7_documents.py) with recurrence and routing exchanged for compiled loops.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/fast/documents/, as ext_9_6_7_documents.py
Time    book some ten minutes
"""

import os
import sys

from ch09_capsule_rnn import ext_9_6_7_documents as exercise
from ch09_capsule_rnn.beyond import fast_rnn, fast_routing
from common import options


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, exercise.VALUES, argv=argv)
    words = list(sys.argv[1:] if argv is None else argv) + ["--output-dir", os.path.join(opts.output_dir, "fast")]
    exercise.main(words, script=__file__, rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)


if __name__ == "__main__":
    options.run(main)
