"""A small HTTP service that says who answers: `python -I -S web.py PORT`.

It listens on all addresses, so that it answers on a virtual one as soon as that is there.
"""

import socket
import sys

PATIENCE_S = 0.05
NOBODY_ASKS = (TimeoutError, ConnectionError)


def main() -> None:
    who = socket.gethostname().encode()
    page = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(who), who)
    with socket.create_server(("", int(sys.argv[1])), backlog=512) as listening:
        while True:
            asker, _ = listening.accept()
            with asker:
                asker.settimeout(PATIENCE_S)
                try:
                    asker.recv(512)
                    asker.sendall(page)
                except NOBODY_ASKS:
                    continue


if __name__ == "__main__":
    main()
