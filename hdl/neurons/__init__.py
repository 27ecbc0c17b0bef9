"""Twins of the neuron models."""
