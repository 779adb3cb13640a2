"""`python -m tandem.lab.fencing DIRECTORY`: the power switch of the lab that is there."""

import sys
from pathlib import Path

from tandem.lab.cluster import LabCluster
from tandem.lab.fencing.switch import serve
from tandem.lab.hosts import Lab

if __name__ == "__main__":
    lab = Lab.open(Path(sys.argv[1]))
    serve(lab, lambda host: LabCluster.open(lab.directory).start(host))
