"""Weight perturbation: hardware; its twins are all those of three_factor.py."""
