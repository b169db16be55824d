"""What the app does when asked to: one subject a module, mixed into `MidStreamApp`."""
