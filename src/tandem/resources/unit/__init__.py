"""A service of systemd, started and stopped by Tandem alone.

systemd runs it; the control group that systemd gave it proves that it has ended. Nothing in the
kernel ends it at its deadline, so it counts as unprotected, and says so.

- `systemctl` asks systemd, each time with a deadline, and `status` reads its answers (pure).
- `resource` starts, stops and examines; `grip` kills. What both must remember (with which token and
  which control group it was started) stands in a file below /run, in `record`.
"""
