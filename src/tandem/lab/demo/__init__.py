"""The demonstration: nodes lose their power one after the other, and every picture is counted.

What is recorded and exported is the product's, run as programs on the hosts of a lab; what is
counted is the cameras' own word about what they sent (`lab.counting`).

course      what happens, in its order
programs    running `tandem` on a host
exports     `tandem export` of every camera, on a node that lives
copies      `tandem coverage` of every camera: whether two nodes have all of it again
verdict     the counting, and the table that tells it
"""

from tandem.lab.demo.course import run

__all__ = ["run"]
