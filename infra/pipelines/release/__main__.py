"""``make release-N``: a model on its way from training to traffic, with a line for each step.

::

    make release-1                                     # train, judge, try and promote level 1's model
    make release-1 ARGS="--c 10"                       # another one
    python -m release 1 --run DIR --step train         # one step of a release, for an engine that calls each by itself
    python -m release 1 --begin --c 10                 # begins a release and prints its DIR

Exit codes: 0 promoted, or nothing to release; 1 refused or rolled back; 2 a step could not do its work; 3 undecided;
130 Ctrl-C. After 2, 3 and 130 the same command goes on where it was.
"""

from __future__ import annotations

import sys

from release.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
