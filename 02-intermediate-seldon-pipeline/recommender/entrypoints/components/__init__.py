"""The three steps as Seldon calls them. They run in the `seldon` environment, under ``seldon-core-microservice``."""
