"""Fraud: how likely a payment is to come back as a chargeback."""
