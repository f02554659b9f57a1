"""What must hold whoever dies, and when: the parts of bench/survival.py."""
