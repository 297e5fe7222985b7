"""The code that teaches: lessons that tests run, exercises, incidents, questions, designs, the demonstration."""
