"""One implementation on trial: its networks are built, called and compared with the reference, and watched."""
