"""`python -m tandem.node.pulse`: see `process`."""

import sys

from tandem.node.pulse.process import main

sys.exit(main())
