"""What a fleet of live cameras needs beyond the path: settings, notices, picture trouble, status, retention."""
