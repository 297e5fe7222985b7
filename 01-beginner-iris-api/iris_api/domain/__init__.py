"""Flowers, predictions and valid measurements. Their JSON form is msgspec's; no server and no file is known here."""
