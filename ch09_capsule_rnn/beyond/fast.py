"""Listing 9-7 with two parts exchanged: recurrence and routing by compiled loops (fast_rnn.py, fast_routing.py).

The same model, variables and numbers (a test compares losses over 20 steps); the dropout draws other masks.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/fast/, as the listing
Time    book: about a third of the listing's
"""

import os
import sys

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fast_rnn, fast_routing
from common import options


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, listing.VALUES, argv=argv)
    words = list(sys.argv[1:] if argv is None else argv) + ["--output-dir", os.path.join(opts.output_dir, "fast")]
    listing.main(words, script=__file__, rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)


if __name__ == "__main__":
    options.run(main)
