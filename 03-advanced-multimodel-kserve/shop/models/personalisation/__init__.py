"""Personalisation: which items of the whole catalogue a person would look at next."""
