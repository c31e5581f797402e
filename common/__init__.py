"""What two or more of the examples share; nothing here hides a listing."""
