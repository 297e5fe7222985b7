"""Requests, histories, features, ranking and stock; no server and no file is known here."""
