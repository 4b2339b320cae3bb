"""Reading configurations of assistants: pure, over file contents that were read elsewhere. Nothing is run."""
