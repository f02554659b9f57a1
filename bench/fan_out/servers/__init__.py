"""What is measured beside Botdeck: `python -m bench.fan_out.servers.NAME PORT`, each as short as its library's own
examples. They publish when they are told to (orders.py)."""
