"""What the commands of `tagstream model` and `tagstream data` share."""
