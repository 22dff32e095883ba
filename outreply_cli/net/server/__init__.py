"""The local HTTP server that the emulator and the webhook receiver run on."""
