"""The thin HTTP layer between the services and the OutReply API."""
