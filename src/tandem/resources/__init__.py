"""What can be kept running: address, process, systemd unit, OCF agent, machine, recording."""
