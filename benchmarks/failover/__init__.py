"""How long a service is away when its node fails, side by side with other cluster managers.

`python -m benchmarks.failover --help`. Three hosts of a lab run one engine, a
fourth asks a small HTTP service behind a virtual address every 5 ms, and one of the three is hurt.
Every trial is kept as a line, so a run may be interrupted and split; all lines make the table.

- `engines`: what keeps the address: Tandem, keepalived, Pacemaker, each as its manual has it
- `web`, `ask`: programs that run on the hosts alone: the service, and whoever asks it
- `answers`: what was answered, and what follows from it: outages, and two that answer at once
- `faults`: what is done to the owner, and what counts as its end
- `site`: hosts, service, asker and engine together
- `trial`: one fault from a settled site to a settled site; `record` keeps it
- `table`: all trials as Markdown

In work: keepalived has run in a lab, once; Pacemaker's configuration was tried on hosts made by
hand; Tandem did not settle in its only run, for a reason that is not known yet. So no table is kept
and no make target leads here.
"""
