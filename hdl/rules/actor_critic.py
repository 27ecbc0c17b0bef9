"""Actor and critic: their hardware is that of credit.py, learning.py and trace.py."""
