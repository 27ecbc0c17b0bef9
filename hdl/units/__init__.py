"""Plumbing: what moves integers between memories and twins, and computes nothing."""
