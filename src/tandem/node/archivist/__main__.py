"""`python -m tandem.node.archivist`: see `process`."""

import sys

from tandem.node.archivist.process import main

sys.exit(main())
