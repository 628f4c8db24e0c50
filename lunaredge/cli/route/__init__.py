"""`lunaredge route`: check, plan and draw the routes of a scene file."""
