"""The commands behind the make targets: a module for each; `budget_picture` and `training_report` show results."""
