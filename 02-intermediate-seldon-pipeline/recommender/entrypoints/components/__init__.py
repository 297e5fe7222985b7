"""The three steps as Seldon calls them, in the `seldon` environment under ``seldon-core-microservice``."""
