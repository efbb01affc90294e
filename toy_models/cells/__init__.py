"""The lines of the validation matrix, one method a file."""
