"""The web console: pages made on the server, which read what any client can read."""
