"""A process that must never run twice: under a keeper, which the kernel ends at its deadline.

    agent --starts--> keeper (timer) --forks--> init of a PID namespace --forks--> the command
                        ^  FIFO                   |  dies with the keeper             |
    pulse --extends-----'                         '--the kernel kills all in it <-----'

- `keeper` is the program of the first two: it imports nothing of Tandem, and little else.
- All three are in a control group (`tandem.resources.control_group`): that proves them gone.
- `resource` starts, stops and examines; `grip` extends and kills. Neither remembers anything: which
  control groups there are, and who is in them, says what runs and with which token.
- `options` reads definitions, `strangers` finds the same command started by somebody else.
"""
