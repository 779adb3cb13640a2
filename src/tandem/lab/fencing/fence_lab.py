"""The fence agent of a lab: `name=value` lines on standard input, as stock agents read them.

It runs alone, by `python -I -S`, on a lab's host. It asks the lab's power switch over a socket, and
says what that says: 0 done or on, 2 off, 1 anything else.
"""

import json
import socket
import sys

SOCKET = "/run/tandem-lab/power"
METADATA = f"""<?xml version="1.0" ?>
<resource-agent name="fence_lab" shortdesc="Fence agent for the power switch of a Tandem lab">
<longdesc>It cuts the power of a host of a lab on this machine.</longdesc>
<parameters>
<parameter name="action" required="1"><content type="string" default="off"/></parameter>
<parameter name="plug" required="1"><content type="string"/></parameter>
<parameter name="socket" required="0"><content type="string" default="{SOCKET}"/></parameter>
<parameter name="password" required="0"><content type="string"/></parameter>
</parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>
<action name="monitor"/><action name="metadata"/></actions>
</resource-agent>
"""


def main() -> int:
    """Do what standard input says.

    Returns:
        The exit status.
    """
    told = dict(line.rstrip("\n").partition("=")[::2] for line in sys.stdin)
    action = told.get("action", "")
    if action == "metadata":
        sys.stdout.write(METADATA)
        return 0
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(told.get("socket", SOCKET))
            request = {"version": 1, "action": action, "plug": told.get("plug", "")}
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile() as answers:
                answer = json.loads(answers.readline() or '{"said": "it hung up"}')
    except OSError as error:
        sys.stderr.write(f"The lab's power switch is not reached: {error.strerror}\n")
        return 1
    sys.stderr.write(f"{answer['said']}\n")
    return {"on": 0, "done": 0, "off": 2}.get(answer.get("state", ""), 1)


if __name__ == "__main__":
    sys.exit(main())
